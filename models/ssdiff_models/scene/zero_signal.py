"""The DN of no signal, and pixels above it, for methods that divide bands by each other.

A product whose metadata say ``reflectance = scale * DN + offset`` has zero reflectance at
``DN = -offset / scale``. Only above that value do ratios of DN mean anything.
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
    """Returns the DN of no signal by the metadata."""
    zeros = [band.zero for band in statistics.ms]
    return (*zeros, statistics.pan.zero)


def zero_levels(statistics: SceneStatistics) -> ZeroLevels:
    """Returns the DN that networks take for zero: see `BandStatistics.offset`."""
    offsets = [band.offset for band in statistics.ms]
    return (*offsets, statistics.pan.offset)


def per_band(zeros: ZeroLevels) -> FloatArray:
    """Returns the levels of the MS bands, ``(bands, 1, 1)``."""
    levels = np.array(zeros[:-1], np.float32)
    return levels[:, None, None]


def above_zero(patch: Patch, zeros: ZeroLevels) -> Patch:
    """Subtracts the levels from a patch; it loses `Patch.native_ms` unless they are all 0."""
    if not any(zeros):
        return patch
    pan = patch.pan - np.float32(zeros[-1])
    ms = patch.ms - per_band(zeros)
    return Patch(pan=pan, ms=ms, valid=patch.valid)


def _above(band: BandStatistics, zero: float) -> BandStatistics:
    return replace(
        band,
        mean=band.mean - zero,
        minimum=band.minimum - zero,
        maximum=band.maximum - zero,
        zero=band.zero - zero,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveZero:
    """A `Source` in DN above given levels."""

    source: Source
    zeros: ZeroLevels

    @property
    def rows(self) -> int:
        return self.source.rows

    @property
    def cols(self) -> int:
        return self.source.cols

    @property
    def bands(self) -> int:
        return self.source.bands

    @property
    def ratio(self) -> int:
        return self.source.ratio

    @property
    def area(self) -> Window:
        return self.source.area

    def statistics(self) -> SceneStatistics:
        scene = self.source.statistics()
        *zeros, pan_zero = self.zeros
        pairs = zip(scene.ms, zeros, strict=True)
        ms = tuple(_above(band, zero) for band, zero in pairs)
        pan = _above(scene.pan, pan_zero)
        return replace(scene, pan=pan, ms=ms)

    def read(self, window: Window) -> Patch:
        return above_zero(self.source.read(window), self.zeros)
