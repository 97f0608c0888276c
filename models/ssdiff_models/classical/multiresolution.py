"""Multiresolution analysis with MTF-matched filters: the MTF-GLP family.

The detail is added, or modulates the MS (HPM).
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import FILTER_REACH, Block, low_reach
from ssdiff_models.classical.haze_ratio import HazeMethod, haze
from ssdiff_models.classical.method import (
    Context,
    Method,
    Numbers,
    Rule,
    as_column,
    bounded_ratio,
    numbers,
)
from ssdiff_models.classical.moments import Array, Moments, Statistics, gram, quotient
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["AdditiveRule", "Equalised", "HazeModulated", "Injection", "ModulatedRule", "Regressed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveRule(Rule):
    """``F = M + injection (P - P_L) + offset``; P_L is the PAN as the MS band would have seen it."""

    gains: Numbers
    """MTF gain of each band."""
    injection: Numbers
    offset: Numbers
    """DN."""

    def halo(self, grid: ModelGrid) -> int:
        return low_reach(grid)

    def apply(self, block: Block) -> Tensor:
        detail = block.pan_low(self.gains).neg_().add_(block.pan)
        detail.mul_(as_column(self.injection, detail)).add_(as_column(self.offset, detail))
        return detail.add_(block.lms)


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

    def halo(self, grid: ModelGrid) -> int:
        return low_reach(grid)

    def apply(self, block: Block) -> Tensor:
        low = block.pan_low(self.gains)
        slope = as_column(self.slope, low)
        low = low.mul_(slope).add_(as_column(self.lower, low))
        high = block.pan * slope
        ratio = bounded_ratio(high.add_(as_column(self.upper, low)), low)
        dark = as_column(self.haze, low)
        return ratio.mul_(block.lms - dark).add_(dark)


class Injection(Enum):
    """Where the injection gains of a regressed method come from."""

    FULL_SCALE = "cov(M, P) / cov(P_L, P)"
    LOW_SCALE = "cov(M, P_L) / var(P_L)"


def _gains_of_mean(context: Context) -> Array:
    """Returns the gain of each MTF filter for a constant, which the reference leaves as it is."""
    phase = context.grid.phase % 1
    kernels = [mtf_kernel(gain, context.grid.seen, phase) for gain in context.gains]
    return np.array([float(kernel.sum()) for kernel in kernels])


class Equalised(Method):
    """MTF-GLP and MTF-GLP-HPM: the PAN takes each band's mean and deviation.

    The deviation is by that of the low-passed PAN.
    """

    def __init__(self, rule: type[AdditiveRule] | type[ModulatedRule]) -> None:
        """Takes how the detail is used."""
        self._rule = rule

    def reach(self, grid: ModelGrid) -> int:
        return grid.whole_pixels(FILTER_REACH)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN, low-passed PAN and LMS."""
        features = torch.cat([block.pan[None], block.pan_gaussian()[None], block.lms])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        moments = statistics.moments("pixels")
        std = moments.std
        slope = quotient(std[2:], np.full(context.bands, std[1]))
        upper = moments.mean[2:] - slope * moments.mean[0]
        lower = upper * _gains_of_mean(context)
        if self._rule is AdditiveRule:
            offset = numbers(upper - lower)
            return AdditiveRule(gains=context.gains, injection=numbers(slope), offset=offset)
        return _modulated(context, slope, upper, lower, np.zeros(context.bands))


def _modulated(
    context: Context, slope: Array, upper: Array, lower: Array, dark: Array
) -> ModulatedRule:
    return ModulatedRule(
        gains=context.gains,
        slope=numbers(slope),
        upper=numbers(upper),
        lower=numbers(lower),
        haze=numbers(dark),
    )


class Regressed(Method):
    """MTF-GLP-FS, MTF-GLP-CBD and MTF-GLP-HPM-R: gains by regression of the bands on the PAN."""

    def __init__(
        self, rule: type[AdditiveRule] | type[ModulatedRule], injection: Injection
    ) -> None:
        """Takes how the detail is used, and where its gain comes from."""
        self._rule = rule
        self._injection = injection

    def reach(self, grid: ModelGrid) -> int:
        return low_reach(grid)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN, P_L of each band, and LMS."""
        features = torch.cat([block.pan[None], block.pan_low(context.gains), block.lms])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        bands = context.bands
        moments = statistics.moments("pixels")
        slope = self._slopes(moments, bands)
        if self._rule is AdditiveRule:
            offset = (0.0,) * bands
            return AdditiveRule(gains=context.gains, injection=numbers(slope), offset=offset)
        shift = moments.mean[1 + bands :] - slope * moments.mean[0]
        return _modulated(context, slope, shift, shift, np.zeros(bands))

    def _slopes(self, moments: Moments, bands: int) -> Array:
        low = np.arange(1, bands + 1)
        band = low + bands
        other = 0 if self._injection is Injection.FULL_SCALE else low
        return quotient(moments.cov[band, other], moments.cov[low, other])


class HazeModulated(HazeMethod):
    """MTF-GLP-HPM-H: modulation of haze-corrected bands.

    The PAN's haze follows from a regression on the MS.
    """

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        moments = statistics.moments("pixels")
        dark = haze(statistics, context)
        weights, constant = moments.regress(0, list(range(1, context.bands + 1)))
        # Without contrast there is no regression, so no haze of the PAN is known.
        plain = moments.std[0] <= 1e-6 * abs(moments.mean[0])
        pan_shift = 0.0 if plain else -(constant + float(weights @ dark))
        shift = np.full(context.bands, pan_shift)
        return _modulated(context, np.ones(context.bands), shift, shift, dark)
