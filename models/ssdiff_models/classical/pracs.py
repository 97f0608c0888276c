"""PRACS: partial replacement adaptive component substitution (Choi, Yu and Kim 2011), beta 0.95.

Each band has an intensity of its own: a mixture of the PAN and the band, by how well the band correlates with the regressed intensity.
The band is matched to the PAN's mean and standard deviation first, and cut off at 0, as in the reference toolbox.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
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

__all__ = ["Pracs", "PracsRule"]

_BETA = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PracsRule(Rule):
    """``F = M + gain (1 - |1 - fit M / L|) (share P + own X + shift - L)``, ``X = max(M, floor)``, ``L = low X + constant``.

    The ratio is bounded.
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
        """Interpolates the bands and their low intensities, and raises both where bands lie below their floor."""
        bands = len(self.gain)
        weights = torch.cat(
            [torch.eye(bands, dtype=torch.float64), torch.tensor(self.low, dtype=torch.float64)]
        )
        offset = torch.cat(
            [
                torch.zeros(bands, dtype=torch.float64),
                torch.tensor(self.constant, dtype=torch.float64),
            ]
        )
        mixed = block.mixed(weights, offset)
        lms, low = mixed[:bands], mixed[bands:]
        raised = (column(self.floor, lms) - lms).clamp_(min=0)
        for k in range(bands):
            low.addcmul_(column(tuple(weights[k] for weights in self.low), lms), raised[k])
        detail = (
            raised.add_(lms).mul_(column(self.own, lms)).add_(block.pan * column(self.share, lms))
        )
        detail.add_(column(self.shift, lms)).sub_(low)
        stable = bounded_ratio(lms * column(self.fit, lms), low).sub_(1).abs_().neg_().add_(1)
        return detail.mul_(stable).mul_(column(self.gain, lms)).add_(lms)


class Pracs(Method):
    """PRACS: every number follows from the covariances of PAN, MS, matched MS, and PAN and matched MS reduced and enlarged again."""

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of reduction and enlargement."""
        return geometry.cycle_reach

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of PAN and interpolated MS, as it is and above its floor, and of what is left after reducing and enlarging."""
        reach = context.geometry.cycle_reach
        floor = column(context.floors, block.lms)
        around = torch.cat(
            [
                block.pan_around(reach, "symmetric"),
                block.lms_around(reach, "symmetric").maximum(floor),
            ]
        )
        features = torch.cat(
            [block.pan[None], block.lms, block.lms.maximum(floor), block.cycled(around)]
        )
        return Statistics(sums={"pixels": gram(features, block.valid)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Fits the intensities and weighs them."""
        moments, bands = statistics.moments("pixels"), context.bands
        ms, matched = list(range(1, bands + 1)), list(range(bands + 1, 2 * bands + 1))
        of_pan, *of_ms = (moments.regress(2 * bands + 1 + k, matched) for k in range(bands + 1))
        intensity = np.tile(of_pan[0], (bands, 1))
        share, std = _correlations(moments, intensity, matched, matched), moments.std
        scale = np.where(std[ms] > 0, std[0] / np.where(std[ms] > 0, std[ms], 1.0), 0.0)
        own = (1 - share) * scale
        shift = (1 - share) * (moments.mean[0] - scale * moments.mean[ms])
        low = share[:, None] * of_pan[0] + own[:, None] * np.stack(
            [weights for weights, _ in of_ms]
        )
        mean_std = float(std[ms].mean())
        gain = (
            _BETA
            * _correlations(moments, low, matched, ms)
            * (std[ms] / mean_std if mean_std > 0 else 0.0)
        )
        return PracsRule(
            gain=numbers(gain),
            fit=numbers(_correlations(moments, intensity, matched, ms)),
            share=numbers(share),
            own=numbers(own),
            shift=numbers(shift),
            floor=context.floors,
            low=tuple(map(numbers, low)),
            constant=numbers(
                share * of_pan[1] + own * np.array([constant for _, constant in of_ms]) + shift
            ),
        )


def _correlations(
    moments: Moments, mixtures: Array, features: list[int], bands: list[int]
) -> Array:
    """Returns the correlation of band k with the mixture k of the features."""
    mixed, own = moments.cov[np.ix_(features, features)], np.diag(moments.cov)[bands]
    variances = np.einsum("kj,ji,ki->k", mixtures, mixed, mixtures) * own
    shared = np.einsum("kj,jk->k", mixtures, moments.cov[np.ix_(features, bands)])
    found: Array = np.where(
        variances > 0, shared / np.sqrt(np.where(variances > 0, variances, 1.0)), 0.0
    )
    return found
