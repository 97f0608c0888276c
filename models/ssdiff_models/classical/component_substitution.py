"""Component substitution: EXP, Brovey, GS, GSA.

All but Brovey are linear in the pixel, and so is their fusion at MS resolution.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, detail_reach
from ssdiff_models.classical.interpolated_sums import lms_gram
from ssdiff_models.classical.method import (
    Context,
    Method,
    Numbers,
    Rule,
    as_column,
    bounded_ratio,
    identity_and,
    numbers,
)
from ssdiff_models.classical.moments import Array, Moments, Statistics, gram
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["Brovey", "BroveyRule", "Exp", "GramSchmidt", "GramSchmidtAdaptive", "LinearRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRule(Rule):
    """``F = weights M + pan P + offset``, pixel by pixel."""

    weights: tuple[Numbers, ...]
    """``(bands, bands)``."""
    pan: Numbers
    """Gain of the PAN in each band."""
    offset: Numbers
    """DN."""

    def apply(self, block: Block) -> Tensor:
        weights = torch.tensor(self.weights, dtype=torch.float64)
        fused = block.mixed(weights, torch.tensor(self.offset, dtype=torch.float64))
        if any(self.pan):
            fused.addcmul_(as_column(self.pan, fused), block.pan)
        return fused


def _injection(intensity: Array, constant: float, gains: Array, scale: float) -> LinearRule:
    """Returns the rule ``F = M + gains * (scale P + constant - intensity M)``."""
    weights = np.eye(len(intensity)) - np.outer(gains, intensity)
    return LinearRule(
        weights=tuple(map(numbers, weights)),
        pan=numbers(gains * scale),
        offset=numbers(gains * constant),
    )


class Exp(Method):
    """The interpolated MS itself."""

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Needs nothing."""
        return None

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        nothing = np.zeros(context.bands)
        return _injection(nothing, 0.0, nothing, 0.0)


def _reduced_pair(block: Block) -> Array:
    """Returns the Gram matrix of the PAN under the binomial low-pass and the MS, at MS pixels."""
    low = block.pan_reduced()[None]
    return gram(torch.cat([low, block.ms]), block.valid_small)


@dataclass(frozen=True, slots=True, kw_only=True)
class BroveyRule(Rule):
    """``F = M P / I`` with ``I = intensity M``, the ratio bounded."""

    intensity: Numbers

    def apply(self, block: Block) -> Tensor:
        bands = len(self.intensity)
        nothing = torch.zeros(bands + 1, dtype=torch.float64)
        mixed = block.mixed(identity_and((self.intensity,)), nothing)
        return mixed[:bands].mul_(bounded_ratio(block.pan, mixed[bands]))


class Brovey(Method):
    """Brovey with an intensity that looks like the PAN.

    It is the least-squares fit of the reduced PAN by the MS, without a constant. The plain mean of
    the bands, as in most tools, changes all colours wherever the PAN's DN are not those of the
    mean. The regression runs at MS resolution, so it costs one low-pass of the PAN.
    """

    def reach(self, grid: ModelGrid) -> int:
        return detail_reach(grid)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums at MS resolution."""
        return Statistics(sums={"reduced": _reduced_pair(block)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        bands = list(range(1, context.bands + 1))
        intensity = statistics.moments("reduced").regress_through_zero(0, bands)
        return BroveyRule(intensity=numbers(intensity))


class GramSchmidt(Method):
    """GS: the intensity is the mean of the bands, the PAN takes its mean and deviation."""

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of the PAN, and of the LMS, at PAN resolution."""
        return Statistics(sums={"pan": gram(block.pan[None], block.valid), "lms": lms_gram(block)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        pan = statistics.moments("pan")
        lms = statistics.moments("lms")
        intensity = np.full(context.bands, 1 / context.bands)
        std = np.sqrt(max(intensity @ lms.cov @ intensity, 0.0))
        pan_std = pan.std[0]
        scale = float(std / pan_std) if pan_std > 0 else 0.0
        return _substituted(pan, lms, intensity, scale)


class GramSchmidtAdaptive(Method):
    """GSA: the intensity is the regression of the reduced PAN on the MS."""

    def reach(self, grid: ModelGrid) -> int:
        return detail_reach(grid)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums at MS resolution; those of the LMS need no interpolation."""
        sums = {
            "reduced": _reduced_pair(block),
            "pan": gram(block.pan[None], block.valid),
            "lms": lms_gram(block),
        }
        return Statistics(sums=sums)

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        bands = list(range(1, context.bands + 1))
        intensity, _ = statistics.moments("reduced").regress(0, bands)
        pan = statistics.moments("pan")
        return _substituted(pan, statistics.moments("lms"), intensity, 1.0)


def _substituted(pan: Moments, lms: Moments, intensity: Array, scale: float) -> LinearRule:
    """Injects the centred PAN minus the centred intensity with gains cov(I, M) / var(I)."""
    shared = lms.cov @ intensity
    variance = float(intensity @ shared)
    gains = shared / variance if variance > 0 else np.zeros_like(shared)
    mean = float(intensity @ lms.mean)
    constant = mean - scale * float(pan.mean[0])
    return _injection(intensity, constant, gains, scale)
