"""AWLP: additive wavelet detail in proportion to the bands, which keeps each spectrum's direction."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, cycle_reach, detail_reach
from ssdiff_models.classical.method import (
    RATIO_LIMIT,
    Context,
    Method,
    Numbers,
    Rule,
    as_column,
    numbers,
)
from ssdiff_models.classical.moments import Statistics, gram, quotient
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["Awlp", "AwlpRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwlpRule(Rule):
    """``F = M + injection (P - low P) M / mean(M)``; the proportion is bounded."""

    injection: Numbers

    def halo(self, grid: ModelGrid) -> int:
        return detail_reach(grid)

    def apply(self, block: Block) -> Tensor:
        lms = block.lms
        detail = block.pan - block.pan_binomial()
        mean = lms.mean(0).add_(torch.finfo(torch.float64).eps)
        # Of positive bands none exceeds their mean by more than their number.
        limit = max(RATIO_LIMIT, float(len(lms)))
        share = (lms / mean).clamp_(-limit, limit)
        return share.mul_(as_column(self.injection, lms)).mul_(detail).add_(lms)


class Awlp(Method):
    """AWLP: the PAN takes each band's deviation, by that of the PAN reduced and enlarged again."""

    def reach(self, grid: ModelGrid) -> int:
        return cycle_reach(grid)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of the reduced and enlarged PAN and the LMS."""
        low = block.cycled(block.pan_around(cycle_reach(context.grid), "symmetric"))
        return Statistics(sums={"pixels": gram(torch.cat([low, block.lms]), block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        std = statistics.moments("pixels").std
        injection = quotient(std[1:], np.full(context.bands, std[0]))
        return AwlpRule(injection=numbers(injection))
