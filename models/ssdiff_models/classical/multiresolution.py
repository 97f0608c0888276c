"""Multiresolution analysis with MTF-matched filters: the MTF-GLP family, additive and as high-pass modulation."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.haze_ratio import HazeMethod, haze
from ssdiff_models.classical.method import (
    Context,
    Method,
    Numbers,
    Rule,
    bounded_ratio,
    column,
    numbers,
)
from ssdiff_models.classical.moments import Array, Moments, Statistics, gram
from ssdiff_models.resampling.taps import mtf_kernel

__all__ = ["AdditiveRule", "Equalised", "HazeModulated", "Injection", "ModulatedRule", "Regressed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveRule(Rule):
    """``F = M + injection (P - P_L) + offset``; P_L is the PAN as the MS band would have seen it."""

    gains: Numbers
    """MTF gain of each band."""
    injection: Numbers
    offset: Numbers
    """DN."""

    def halo(self, geometry: Geometry) -> int:
        """Returns the reach of P_L."""
        return geometry.low_reach

    def apply(self, block: Block) -> Tensor:
        """Adds the PAN's detail."""
        detail = block.pan_low(self.gains).neg_().add_(block.pan)
        return (
            detail.mul_(column(self.injection, detail))
            .add_(column(self.offset, detail))
            .add_(block.lms)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModulatedRule(Rule):
    """``F = (M - haze) (slope P + upper) / (slope P_L + lower) + haze``, the ratio bounded."""

    gains: Numbers
    """MTF gain of each band."""
    slope: Numbers
    upper: Numbers
    lower: Numbers
    haze: Numbers
    """DN."""

    def halo(self, geometry: Geometry) -> int:
        """Returns the reach of P_L."""
        return geometry.low_reach

    def apply(self, block: Block) -> Tensor:
        """Modulates the MS with the PAN's local contrast."""
        low = block.pan_low(self.gains)
        low = low.mul_(column(self.slope, low)).add_(column(self.lower, low))
        high = block.pan * column(self.slope, low)
        ratio = bounded_ratio(high.add_(column(self.upper, low)), low)
        dark = column(self.haze, low)
        return ratio.mul_(block.lms - dark).add_(dark)


class Injection(Enum):
    """Where the injection gains of a regressed method come from."""

    FULL_SCALE = "cov(M, P) / cov(P_L, P)"
    LOW_SCALE = "cov(M, P_L) / var(P_L)"


def _gains_of_mean(context: Context) -> Array:
    """Returns the gain of each MTF filter for a constant, which the reference does not normalise."""
    return np.array(
        [
            float(mtf_kernel(gain, context.geometry.ratio, context.geometry.phase % 1).sum())
            for gain in context.gains
        ]
    )


class Equalised(Method):
    """MTF-GLP and MTF-GLP-HPM: the PAN takes each band's mean, and its standard deviation by that of the low-passed PAN."""

    def __init__(self, rule: type[AdditiveRule] | type[ModulatedRule]) -> None:
        """Takes how the detail is used."""
        self._rule = rule

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of the low-pass."""
        return geometry.pixels(24)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN, low-passed PAN and interpolated MS."""
        features = torch.cat([block.pan[None], block.pan_gaussian()[None], block.lms])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Equalises."""
        moments = statistics.moments("pixels")
        slope = moments.std[2:] / moments.std[1] if moments.std[1] > 0 else np.zeros(context.bands)
        upper = moments.mean[2:] - slope * moments.mean[0]
        lower = upper * _gains_of_mean(context)
        if self._rule is AdditiveRule:
            return AdditiveRule(
                gains=context.gains, injection=numbers(slope), offset=numbers(upper - lower)
            )
        return _modulated(context, slope, upper, lower)


def _modulated(
    context: Context, slope: Array, upper: Array, lower: Array, dark: Array | None = None
) -> ModulatedRule:
    return ModulatedRule(
        gains=context.gains,
        slope=numbers(slope),
        upper=numbers(upper),
        lower=numbers(lower),
        haze=numbers(np.zeros(context.bands) if dark is None else dark),
    )


class Regressed(Method):
    """MTF-GLP-FS, MTF-GLP-CBD and MTF-GLP-HPM-R: gains by regression of the bands on the PAN."""

    def __init__(
        self, rule: type[AdditiveRule] | type[ModulatedRule], injection: Injection
    ) -> None:
        """Takes how the detail is used, and where its gain comes from."""
        self._rule, self._injection = rule, injection

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of P_L."""
        return geometry.low_reach

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN, P_L of each band, and interpolated MS."""
        features = torch.cat([block.pan[None], block.pan_low(context.gains), block.lms])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Takes the gains."""
        moments = statistics.moments("pixels")
        slope = self._slopes(moments, context.bands)
        if self._rule is AdditiveRule:
            return AdditiveRule(
                gains=context.gains, injection=numbers(slope), offset=(0.0,) * context.bands
            )
        shift = moments.mean[1 + context.bands :] - slope * moments.mean[0]
        return _modulated(context, slope, shift, shift)

    def _slopes(self, moments: Moments, bands: int) -> Array:
        low, band = np.arange(1, bands + 1), np.arange(1 + bands, 1 + 2 * bands)
        if self._injection is Injection.FULL_SCALE:
            above, below = moments.cov[band, 0], moments.cov[low, 0]
        else:
            above, below = moments.cov[band, low], moments.cov[low, low]
        slopes: Array = np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0)
        return slopes


class HazeModulated(HazeMethod):
    """MTF-GLP-HPM-H: modulation of haze-corrected bands; the PAN's haze follows from a regression on the MS."""

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Finds the haze of bands and PAN."""
        moments = statistics.moments("pixels")
        dark = haze(statistics, context)
        weights, constant = moments.regress(0, list(range(1, context.bands + 1)))
        # Without contrast there is no regression, and no haze to be told from it.
        plain = moments.std[0] <= 1e-6 * abs(moments.mean[0])
        shift = np.full(context.bands, 0.0 if plain else -(constant + float(weights @ dark)))
        return _modulated(context, np.ones(context.bands), shift, shift, dark)
