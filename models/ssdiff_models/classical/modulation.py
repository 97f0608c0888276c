"""BT-H: Brovey on haze-corrected bands with a regressed intensity (BroveyRegHazeMin)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.classical.base import Context, Numbers, Rule, bounded_ratio, column, numbers
from ssdiff_models.classical.block import Block
from ssdiff_models.classical.haze import HazeMethod, haze
from ssdiff_models.classical.statistics import Statistics

__all__ = ["BroveyHaze", "BroveyHazeRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BroveyHazeRule(Rule):
    """``F = max(M - haze, 0) (scale P + shift) / I + haze`` with ``I = intensity (M - haze)``, the ratio bounded."""

    haze: Numbers
    intensity: Numbers
    scale: float
    shift: float

    def apply(self, block: Block) -> Tensor:
        """Interpolates the haze-free bands and the intensity."""
        bands = len(self.haze)
        weights = torch.cat([torch.eye(bands, dtype=torch.float64), torch.tensor([self.intensity], dtype=torch.float64)])
        mixed = block.mixed(weights, -(weights @ torch.tensor(self.haze, dtype=torch.float64)))
        ratio = bounded_ratio(block.pan * self.scale + self.shift, mixed[bands])
        fused = mixed[:bands].clamp_(min=0).mul_(ratio)
        return fused.add_(column(self.haze, fused))


class BroveyHaze(HazeMethod):
    """BT-H: regression of the low-passed PAN on the interpolated MS, at PAN resolution, without a constant."""

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Fits the intensity and gives the PAN its mean and standard deviation."""
        moments, bands = statistics.moments("pixels"), list(range(1, context.bands + 1))
        dark = haze(statistics, context)
        weights = moments.regress_through_zero(0, bands)
        std = math.sqrt(max(float(weights @ moments.cov[1:, 1:] @ weights), 0.0))
        scale = std / float(moments.std[0]) if moments.std[0] > 0 else 0.0
        mean = float(weights @ (moments.mean[1:] - dark))
        shift = mean - scale * float(moments.mean[0])
        return BroveyHazeRule(haze=numbers(dark), intensity=numbers(weights), scale=scale, shift=shift)
