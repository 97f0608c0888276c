"""PRACS: partial replacement adaptive component substitution (Choi, Yu and Kim 2011), beta 0.95.

Each band has an intensity of its own: a mixture of the PAN and the band, by how well the band
correlates with the regressed intensity. The band is matched to the PAN's mean and standard
deviation first, and cut off at 0, as in the reference toolbox.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, cycle_reach
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
from ssdiff_models.classical.moments import Array, Moments, Statistics, gram, quotient
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["Pracs", "PracsRule"]

_BETA = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PracsRule(Rule):
    """``F = M + gain (1 - |1 - fit M / L|) (share P + own X + shift - L)``, the ratio bounded.

    ``X = max(M, floor)`` and ``L = low X + constant``.
    """

    gain: Numbers
    fit: Numbers
    share: Numbers
    own: Numbers
    shift: Numbers
    floor: Numbers
    low: tuple[Numbers, ...]
    """``(bands, bands)``."""
    constant: Numbers

    def apply(self, block: Block) -> Tensor:
        bands = len(self.gain)
        offset = torch.tensor((0.0,) * bands + self.constant, dtype=torch.float64)
        mixed = block.mixed(identity_and(self.low), offset)
        lms = mixed[:bands]
        low = mixed[bands:]
        raised = (as_column(self.floor, lms) - lms).clamp_(min=0)
        for k in range(bands):
            weights = tuple(row[k] for row in self.low)
            low.addcmul_(as_column(weights, lms), raised[k])
        detail = raised.add_(lms).mul_(as_column(self.own, lms))
        detail.add_(block.pan * as_column(self.share, lms))
        detail.add_(as_column(self.shift, lms)).sub_(low)
        ratio = bounded_ratio(lms * as_column(self.fit, lms), low)
        stable = ratio.sub_(1).abs_().neg_().add_(1)
        return detail.mul_(stable).mul_(as_column(self.gain, lms)).add_(lms)


class Pracs(Method):
    """PRACS: every number follows from covariances.

    They are those of PAN, MS, matched MS, and of PAN and matched MS reduced and enlarged again.
    """

    def reach(self, grid: ModelGrid) -> int:
        return cycle_reach(grid)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN, LMS, LMS above its floor, and both reduced and enlarged again."""
        reach = cycle_reach(context.grid)
        floor = as_column(context.floors, block.lms)
        pan = block.pan_around(reach, "symmetric")
        matched = block.lms_around(reach, "symmetric").maximum(floor)
        cycled = block.cycled(torch.cat([pan, matched]))
        raised = block.lms.maximum(floor)
        features = torch.cat([block.pan[None], block.lms, raised, cycled])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        moments = statistics.moments("pixels")
        bands = context.bands
        ms = list(range(1, bands + 1))
        matched = list(range(bands + 1, 2 * bands + 1))
        pan_weights, pan_constant = moments.regress(2 * bands + 1, matched)
        fits = [moments.regress(2 * bands + 1 + k, matched) for k in ms]
        ms_weights = np.stack([weights for weights, _ in fits])
        ms_constants = np.array([constant for _, constant in fits])
        intensity = np.tile(pan_weights, (bands, 1))
        share = _correlations(moments, intensity, matched, matched)
        std = moments.std[ms]
        scale = quotient(np.full(bands, moments.std[0]), std)
        own = (1 - share) * scale
        means = moments.mean[0] - scale * moments.mean[ms]
        shift = (1 - share) * means
        low = share[:, None] * pan_weights
        low = low + own[:, None] * ms_weights
        mean_std = float(std.mean())
        contrast = std / mean_std if mean_std > 0 else np.zeros(bands)
        gain = _BETA * _correlations(moments, low, matched, ms) * contrast
        return PracsRule(
            gain=numbers(gain),
            fit=numbers(_correlations(moments, intensity, matched, ms)),
            share=numbers(share),
            own=numbers(own),
            shift=numbers(shift),
            floor=context.floors,
            low=tuple(map(numbers, low)),
            constant=numbers(share * pan_constant + own * ms_constants + shift),
        )


def _correlations(
    moments: Moments, mixtures: Array, features: list[int], bands: list[int]
) -> Array:
    """Returns the correlation of band k with the mixture k of the features."""
    mixed = moments.cov[np.ix_(features, features)]
    own = np.diag(moments.cov)[bands]
    variances = np.einsum("kj,ji,ki->k", mixtures, mixed, mixtures) * own
    crossed = moments.cov[np.ix_(features, bands)]
    shared = np.einsum("kj,jk->k", mixtures, crossed)
    positive = variances > 0
    deviations = np.sqrt(np.where(positive, variances, 1.0))
    found: Array = np.where(positive, shared / deviations, 0.0)
    return found
