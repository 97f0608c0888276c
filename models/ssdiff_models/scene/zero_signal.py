"""What counts as zero signal: pixels above it, for methods that divide bands by each other.

A product whose metadata say ``reflectance = scale * DN + offset`` has zero reflectance at ``DN = -offset / scale``. Ratios of DN mean
nothing there; ratios of what is above it do.
"""

from dataclasses import dataclass, replace

import numpy as np

from ssdiff_models.scene.source import FloatArray, Patch, Source
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["AboveZero", "above_zero", "black_levels", "per_band", "zero_levels"]

ZeroLevels = tuple[float, ...]
"""DN of each MS band, then of the PAN."""


def black_levels(statistics: SceneStatistics) -> ZeroLevels:
    """Returns the DN of no signal of each MS band and of the PAN, as metadata have them."""
    return (*(band.black for band in statistics.ms), statistics.pan.black)


def zero_levels(statistics: SceneStatistics) -> ZeroLevels:
    """Returns what a network takes for zero in each MS band and the PAN: their black, or where that cannot be, one below the data."""
    return (*(band.offset for band in statistics.ms), statistics.pan.offset)


def per_band(black: ZeroLevels) -> FloatArray:
    """Returns that of the MS bands, ``(bands, 1, 1)``."""
    return np.array(black[:-1], np.float32)[:, None, None]


def above_zero(patch: Patch, black: ZeroLevels) -> Patch:
    """Takes black off a patch; the MS pixels as they were given are left out where it is not 0, which it is in most scenes."""
    if not any(black):
        return patch
    return Patch(
        pan=patch.pan - np.float32(black[-1]), ms=patch.ms - per_band(black), valid=patch.valid
    )


def _shifted(band: BandStatistics, black: float) -> BandStatistics:
    return replace(
        band,
        mean=band.mean - black,
        minimum=band.minimum - black,
        maximum=band.maximum - black,
        black=band.black - black,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveZero:
    """A `Source` without its black."""

    source: Source
    black: ZeroLevels

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return self.source.rows

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return self.source.cols

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return self.source.bands

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return self.source.ratio

    @property
    def area(self) -> Window:
        """The part of the PAN grid that is asked for."""
        return self.source.area

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of what is left."""
        found = self.source.statistics()
        ms = tuple(_shifted(band, black) for band, black in zip(found.ms, self.black, strict=False))
        return replace(found, pan=_shifted(found.pan, self.black[-1]), ms=ms)

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the scene."""
        return above_zero(self.source.read(window), self.black)
