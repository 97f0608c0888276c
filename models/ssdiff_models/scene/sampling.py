"""Radiometry of a whole scene from a bounded sample that does not depend on tiles or areas of interest."""

from collections.abc import Iterator, Sequence

import numpy as np

from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["band_statistics", "sample_windows"]

LATTICE = 32
"""Patches on each axis of the sample."""

PATCH = 32
"""Height and width of a patch in the raster's own pixels: a scene of up to 1024 x 1024 pixels is read whole."""


def sample_windows(region: Window) -> Iterator[Window]:
    """Yields the windows that are read: a regular lattice of small patches, all of `region` when it is small.

    Patches rather than single pixels, so that only the raster blocks they lie in are decoded.
    """
    for row, rows in _patches(region.row, region.rows):
        for col, cols in _patches(region.col, region.cols):
            yield Window(row=row, col=col, rows=rows, cols=cols)


def _patches(start: int, size: int) -> list[tuple[int, int]]:
    if size <= LATTICE * PATCH:
        return [(start, size)]
    return [
        (start + (2 * k + 1) * size // (2 * LATTICE) - PATCH // 2, PATCH) for k in range(LATTICE)
    ]


def band_statistics(
    pieces: Sequence[FloatArray], blacks: Sequence[float] | None = None
) -> tuple[BandStatistics, ...]:
    """Returns the statistics of each band of valid pixels.

    Args:
        pieces: ``(bands, n)`` each; at least one pixel in all.
        blacks: DN of no signal of each band; 0 by default.
    """
    sample = np.concatenate(pieces, axis=1)
    return tuple(
        BandStatistics(
            mean=float(band.mean(dtype=np.float64)),
            std=float(band.std(dtype=np.float64)),
            minimum=float(band.min()),
            maximum=float(band.max()),
            black=black,
        )
        for band, black in zip(sample, blacks or [0.0] * len(sample), strict=True)
    )
