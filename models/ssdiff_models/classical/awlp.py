"""AWLP: additive wavelet detail in proportion to the bands, which keeps the direction of each spectrum."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.method import (
    RATIO_LIMIT,
    Context,
    Method,
    Numbers,
    Rule,
    column,
    numbers,
)
from ssdiff_models.classical.moments import Statistics, gram

__all__ = ["Awlp", "AwlpRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwlpRule(Rule):
    """``F = M + injection (P - low P) M / mean(M)``; the proportion is bounded."""

    injection: Numbers

    def halo(self, geometry: Geometry) -> int:
        """Returns the reach of the low-pass."""
        return geometry.detail_reach

    def apply(self, block: Block) -> Tensor:
        """Adds the detail."""
        lms, detail = block.lms, block.pan - block.pan_binomial()
        mean = lms.mean(0).add_(torch.finfo(torch.float64).eps)
        # Of positive bands none exceeds their mean by more than their number.
        limit = max(RATIO_LIMIT, float(len(lms)))
        share = (lms / mean).clamp_(-limit, limit)
        return share.mul_(column(self.injection, lms)).mul_(detail).add_(lms)


class Awlp(Method):
    """AWLP: the PAN takes each band's standard deviation, by that of the PAN reduced and enlarged again."""

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of reduction and enlargement."""
        return geometry.cycle_reach

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of the reduced and enlarged PAN and the interpolated MS."""
        low = block.cycled(block.pan_around(context.geometry.cycle_reach, "symmetric"))
        return Statistics(sums={"pixels": gram(torch.cat([low, block.lms]), block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Equalises."""
        std = statistics.moments("pixels").std
        return AwlpRule(
            injection=numbers(std[1:] / std[0] if std[0] > 0 else np.zeros(context.bands))
        )
