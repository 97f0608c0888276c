"""Radiometry: DN to and from the range a network works in, and back to the raster's own dtype."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssdiff_models.errors import InputError

__all__ = ["BandStatistics", "RatioPrior", "SceneStatistics"]

RATIO_LIMIT = 8.0
"""Largest modulation of a band by the prior, in either direction."""
SLIGHT = 0.05
"""Part of a band's mean by which values may lie below black without their zero being in doubt: noise, overshoot of a correction."""
_TINY = 1e-30
"""What stands for zero: the ratio is limited anyway, whatever the unit of the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStatistics:
    """Mean, standard deviation and range of one band's valid pixels, in DN."""

    mean: float
    std: float
    minimum: float
    maximum: float
    black: float = 0.0
    """DN of no signal: what the raster's own scale and offset make 0."""
    signed: bool = False
    """Whether the scene's values lie about a zero that is not no signal."""

    @property
    def offset(self) -> float:
        """The value that counts as zero signal, in DN: `black`, or where that says nothing one that only outliers are below."""
        if not self.signed:
            return self.black
        return min(self.mean - 3 * self.std, max(self.minimum, self.mean - 4 * self.std))

    @property
    def below(self) -> bool:
        """Whether values lie far below black."""
        return self.minimum < self.black - SLIGHT * abs(self.mean - self.black)

    @property
    def scale(self) -> float:
        """The mean above `offset`, in DN; what the scene-mean normalisation divides by.

        Raises:
            InputError: When the band is constant zero.
        """
        scale = self.mean - self.offset
        if not scale > 0:
            raise InputError(
                f"a band is constant (mean {self.mean:g}, std {self.std:g}): choose bands with content with --bidx"
            )
        return scale


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioPrior:
    """The numbers of one scene: ``F = max(M - h, 0) (scale P + shift) / I + h`` with ``I = intensity (M - h)``, in DN above black."""

    haze: tuple[float, ...]
    """h of each band."""
    intensity: tuple[float, ...]
    """Weight of each band in the intensity."""
    scale: float
    shift: float
    black: tuple[float, ...]
    """DN of each band, then of the PAN, that count as black (`BandStatistics.offset`)."""

    def image(self, lms: Tensor, pan: Tensor) -> Tensor:
        """Returns the prior image ``(..., bands, rows, cols)`` in DN from the LMS, of that shape, and the PAN ``(..., 1, rows, cols)``."""
        dark = self._column(
            [black + haze for black, haze in zip(self.black, self.haze, strict=False)], lms
        )
        above = lms - dark
        intensity = (above * self._column(self.intensity, lms)).sum(-3, keepdim=True)
        matched = (pan - self.black[-1]) * self.scale + self.shift
        # A sum of zero is no division by zero: pixels without content stay at their haze.
        ratio = matched / torch.where(intensity.abs() < _TINY, _TINY, intensity)
        return above.clamp(min=0) * ratio.clamp(-RATIO_LIMIT, RATIO_LIMIT) + dark

    def _column(self, values: list[float] | tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneStatistics:
    """Radiometry of a whole scene, the same for each of its tiles.

    Where values of any band lie far below black, no band's black is believed: what was taken off one was taken off all.
    """

    pan: BandStatistics
    ms: tuple[BandStatistics, ...]
    prior: RatioPrior | None = None
    """What a model whose prior is no plain LMS starts from; None: not measured."""

    def __post_init__(self) -> None:
        if any(band.below or band.signed for band in (self.pan, *self.ms)):
            object.__setattr__(self, "pan", replace(self.pan, signed=True))
            object.__setattr__(self, "ms", tuple(replace(band, signed=True) for band in self.ms))
