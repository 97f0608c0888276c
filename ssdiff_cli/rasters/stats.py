"""Radiometry of a whole scene from a bounded sample that does not depend on tiles, areas of interest or overviews."""

from collections.abc import Iterator

import numpy as np

from ssdiff_cli.rasters.bands import Bands
from ssdiff_models.errors import InputError
from ssdiff_models.radiometry import BandStatistics
from ssdiff_models.tiles import Window

__all__ = ["sample_statistics", "sample_windows"]

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
    return [(start + (2 * k + 1) * size // (2 * LATTICE) - PATCH // 2, PATCH) for k in range(LATTICE)]


def sample_statistics(bands: Bands, region: Window) -> tuple[BandStatistics, ...]:
    """Returns mean, standard deviation and range of the valid pixels sampled in `region`, one entry per band.

    Raises:
        InputError: When no sampled pixel is valid.
    """
    pieces = []
    for window in sample_windows(region):
        values, valid = bands.read(window)
        pieces.append(values[:, valid])
    sample = np.concatenate(pieces, axis=1)
    if not sample.shape[1]:
        raise InputError(f"{bands.path}: has no valid pixel where PAN and MS overlap: check its nodata value and mask")
    return tuple(
        BandStatistics(
            mean=float(band.mean(dtype=np.float64)),
            std=float(band.std(dtype=np.float64)),
            minimum=float(band.min()),
            maximum=float(band.max()),
        )
        for band in sample
    )
