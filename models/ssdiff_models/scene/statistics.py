"""Radiometry of a scene: what its digital numbers are compared with."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ssdiff_models.errors import InputError

__all__ = ["BandStatistics", "SceneStatistics"]

SLIGHT = 0.05
"""Part of a band's mean that noise or an overshoot of a correction may lie below its zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStatistics:
    """Mean, standard deviation and range of one band's valid pixels, in DN."""

    mean: float
    std: float
    minimum: float
    maximum: float
    zero: float = 0.0
    """DN of no signal: 0 in units of the raster's own scale and offset."""
    signed: bool = False
    """Whether the scene has values far below its zeros, so that these mean nothing."""

    @property
    def offset(self) -> float:
        """The DN that counts as no signal: `zero`, or a value that only outliers lie below."""
        if not self.signed:
            return self.zero
        low = self.mean - 3 * self.std
        lowest = self.mean - 4 * self.std
        return min(low, max(self.minimum, lowest))

    @property
    def below_zero(self) -> bool:
        """Whether values lie far below `zero`."""
        signal = abs(self.mean - self.zero)
        return self.minimum < self.zero - SLIGHT * signal

    @property
    def scale(self) -> float:
        """The mean above `offset`, in DN: the divisor of the scene-mean normalisation.

        Raises:
            InputError: When the band is constant zero.
        """
        scale = self.mean - self.offset
        if not scale > 0:
            raise InputError(
                f"a band is constant (mean {self.mean:g}, std {self.std:g}): "
                "choose bands with content with --bidx"
            )
        return scale


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneStatistics:
    """Radiometry of a whole scene, the same for each of its tiles."""

    pan: BandStatistics
    ms: tuple[BandStatistics, ...]

    @classmethod
    def of(
        cls,
        *,
        pan: BandStatistics,
        ms: Iterable[BandStatistics],
    ) -> "SceneStatistics":
        """Returns the statistics of a scene from those of its bands.

        Where one band has values far below its zero, all bands count as signed: whatever was
        subtracted from one was subtracted from all.
        """
        bands = (pan, *ms)
        if any(band.below_zero or band.signed for band in bands):
            bands = tuple(replace(band, signed=True) for band in bands)
        first, *others = bands
        return cls(pan=first, ms=tuple(others))
