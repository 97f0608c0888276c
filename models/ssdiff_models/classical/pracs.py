"""PRACS: partial replacement adaptive component substitution (Choi, Yu and Kim 2011), beta 0.95.

Each band has an intensity of its own: a mixture of the PAN and the band, by how well the band correlates with the regressed intensity.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.base import Context, Method, Numbers, Rule, bounded_ratio, column, numbers
from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.statistics import Array, Moments, Statistics, gram

__all__ = ["Pracs", "PracsRule"]

_BETA = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PracsRule(Rule):
    """``F = M + gain (1 - |1 - share M / L|) (share P + own M + shift - L)`` with ``L = low M + constant``, the ratio bounded."""

    gain: Numbers
    share: Numbers
    own: Numbers
    shift: Numbers
    low: tuple[Numbers, ...]
    """``(bands, bands)``."""
    constant: Numbers

    def apply(self, block: Block) -> Tensor:
        """Interpolates the bands and their low intensities."""
        bands = len(self.gain)
        weights = torch.cat([torch.eye(bands, dtype=torch.float64), torch.tensor(self.low, dtype=torch.float64)])
        offset = torch.cat([torch.zeros(bands, dtype=torch.float64), torch.tensor(self.constant, dtype=torch.float64)])
        mixed = block.mixed(weights, offset)
        lms, low = mixed[:bands], mixed[bands:]
        share = column(self.share, lms)
        detail = (lms * column(self.own, lms)).add_(block.pan * share).add_(column(self.shift, lms)).sub_(low)
        stable = bounded_ratio(lms * share, low).sub_(1).abs_().neg_().add_(1)
        return detail.mul_(stable).mul_(column(self.gain, lms)).add_(lms)


class Pracs(Method):
    """PRACS: every number follows from the covariances of PAN, MS, and both reduced and enlarged again."""

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of reduction and enlargement."""
        return geometry.cycle_reach

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN and interpolated MS, as they are and reduced and enlarged again."""
        reach = context.geometry.cycle_reach
        around = torch.cat([block.pan_around(reach, "symmetric"), block.lms_around(reach, "symmetric")])
        features = torch.cat([block.pan[None], block.lms, block.cycled(around)])
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Fits the intensities and weighs them."""
        moments, bands = statistics.moments("pixels"), context.bands
        ms = list(range(1, bands + 1))
        intensity, _ = moments.regress(1 + bands, ms)
        share = _correlations(moments, np.tile(intensity, (bands, 1)))
        std = moments.std
        scale = np.where(std[ms] > 0, std[0] / np.where(std[ms] > 0, std[ms], 1.0), 0.0)
        own = (1 - share) * scale
        shift = (1 - share) * (moments.mean[0] - scale * moments.mean[ms])
        fits = [moments.regress(2 + bands + k, ms) for k in range(bands)]
        of_pan = moments.regress(1 + bands, ms)
        low = share[:, None] * of_pan[0] + own[:, None] * np.stack([weights for weights, _ in fits])
        constant = share * of_pan[1] + own * np.array([constant for _, constant in fits]) + shift
        mean_std = float(std[ms].mean())
        gain = _BETA * _correlations(moments, low) * (std[ms] / mean_std if mean_std > 0 else 0.0)
        return PracsRule(
            gain=numbers(gain),
            share=numbers(share),
            own=numbers(own),
            shift=numbers(shift),
            low=tuple(map(numbers, low)),
            constant=numbers(constant),
        )


def _correlations(moments: Moments, mixtures: Array) -> Array:
    """Returns the correlation of band k with the mixture k of the bands."""
    bands = len(mixtures)
    cov = moments.cov[1 : bands + 1, 1 : bands + 1]
    variances = np.einsum("kj,ji,ki->k", mixtures, cov, mixtures) * np.diag(cov)
    shared = np.einsum("kj,jk->k", mixtures, cov)
    found: Array = np.where(variances > 0, shared / np.sqrt(np.where(variances > 0, variances, 1.0)), 0.0)
    return found
