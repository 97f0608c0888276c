"""Radiometry of a scene from a bounded sample that depends on no tile, area or overview."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.reading.bands import LARGEST, Bands
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sampling import band_statistics, statistics_windows
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["Fill", "find_fills", "sample_statistics"]

SHARE = 0.01
"""Share of a band's pixels that one value needs to look like a fill."""
STEPS = 8
"""Steps between a band's values by which it must be alone."""
APART = 0.1
"""Part of the distance from the next value to the median by which it must be alone, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A value that looks like no measurement, though no tag says so."""

    band: int
    """1-based number in the file."""
    value: float
    share: float
    """Of the valid pixels, 0..1; of all pixels where the value is too large for one."""
    masked: bool
    """Whether its pixels count as invalid anyway."""


def find_fills(bands: Bands, region: Window) -> tuple[Fill, ...]:
    """Returns values at the end of a band's range that stand alone in many sampled pixels."""
    pieces = [bands.read(window) for window in statistics_windows(region)]
    values = np.concatenate([piece.reshape(len(piece), -1) for piece, _ in pieces], axis=1)
    valid = np.concatenate([piece.ravel() for _, piece in pieces])
    fills: list[Fill] = []
    for index, band, nodata in zip(bands.indexes, values, bands.nodata, strict=True):
        huge = band[np.isfinite(band) & (np.abs(band) > LARGEST)]
        if huge.size and nodata is None:
            share = huge.size / band.size
            fills.append(Fill(band=index, value=float(huge[0]), share=share, masked=True))
        for value, share in _lonely(band[valid]):
            fills.append(Fill(band=index, value=value, share=share, masked=False))
    return tuple(fills)


def _lonely(values: npt.NDArray[np.float32]) -> Iterator[tuple[float, float]]:
    """Yields values at either end, and their shares; a fill may hide another one."""
    for end_of in (np.min, np.max):
        rest = values
        while rest.size:
            end = end_of(rest)
            others = rest[rest != end]
            share = (rest.size - others.size) / values.size
            if share < SHARE or not others.size or not _is_far(end, others):
                break
            yield float(end), share
            rest = others


def _is_far(end: np.float32, others: npt.NDArray[np.float32]) -> bool:
    known = np.unique(others)
    gap = float(np.abs(known - end).min())
    step = float(np.diff(known).min(initial=np.inf))
    spread = abs(float(np.median(others)) - float(end)) - gap
    return STEPS * step < gap and gap > APART * spread


def sample_statistics(bands: Bands, region: Window) -> tuple[BandStatistics, ...]:
    """Returns each band's mean, standard deviation and range from valid pixels in `region`.

    Raises:
        InputError: When no sampled pixel is valid.
    """
    samples = []
    for window in statistics_windows(region):
        values, valid = bands.read(window)
        samples.append(values[:, valid])
    if not any(sample.size for sample in samples):
        raise InputError(
            f"{bands.path}: has no valid pixel where PAN and MS overlap: "
            "check its nodata value and mask"
        )
    return band_statistics(samples, bands.zeros)
