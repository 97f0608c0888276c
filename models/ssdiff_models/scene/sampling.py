"""Radiometry of a scene from a bounded sample that depends on no tile and no area of interest."""

from collections.abc import Iterator, Sequence

import numpy as np

from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window, sample_windows

__all__ = ["band_statistics", "statistics_windows"]

LATTICE = 32
"""Patches on each axis of the sample."""

PATCH = 32
"""Side of a patch in the raster's own pixels: up to 1024 x 1024 pixels, a scene is read whole."""


def statistics_windows(region: Window) -> Iterator[Window]:
    """Yields the windows that the statistics of a raster are read from.

    Patches rather than single pixels, so that few raster blocks are decoded.
    """
    return sample_windows(region, count=LATTICE, side=PATCH)


def band_statistics(
    pieces: Sequence[FloatArray], zeros: Sequence[float] | None = None
) -> tuple[BandStatistics, ...]:
    """Returns the statistics of each band of valid pixels.

    Pieces are ``(bands, n)``, with one pixel or more in all; `zeros` are the bands' DN of no
    signal, 0 by default.
    """
    sample = np.concatenate(pieces, axis=1)
    levels = zeros or [0.0] * len(sample)
    pairs = zip(sample, levels, strict=True)
    return tuple(_statistics(band, zero) for band, zero in pairs)


def _statistics(band: FloatArray, zero: float) -> BandStatistics:
    mean = band.mean(dtype=np.float64)
    std = band.std(dtype=np.float64)
    return BandStatistics(
        mean=float(mean),
        std=float(std),
        minimum=float(band.min()),
        maximum=float(band.max()),
        zero=zero,
    )
