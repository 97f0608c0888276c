"""BT-H: Brovey on haze-corrected bands with a regressed intensity (BroveyRegHazeMin)."""

import math
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
from ssdiff_models.classical.moments import Array, Statistics, gram

__all__ = ["BroveyHaze", "BroveyHazeRule", "HazeMethod", "exact_percentiles", "haze"]

_SHARE = np.array([0.95, 0.45, 0.40, 0.05])
"""Part of the first percentile that is haze: blue, green, red, near infrared."""
_BINS = 1 << 16


class HazeMethod(Method):
    """What the methods share that take off the haze: a regression of the low-passed PAN on the interpolated MS."""

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of the low-pass."""
        return geometry.pixels(24)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of the low-passed PAN and the interpolated MS, and what `haze` needs."""
        features = torch.cat([block.pan_gaussian()[None], block.lms])
        return _with_haze(block, context, {"pixels": gram(features, block.valid)})


def _with_haze(block: Block, context: Context, sums: dict[str, Array]) -> Statistics:
    """Adds what `haze` needs to the sums: minima, and histograms of four bands where their percentiles are not known."""
    lms = block.lms if block.valid is None else block.lms[:, block.valid]
    lms = lms.flatten(1)
    minima = lms.amin(1).double().numpy() if lms.shape[1] else np.full(len(lms), np.inf)
    if len(lms) == len(_SHARE) and context.percentiles is None:
        sums = sums | {
            "histogram": np.stack(
                [
                    _histogram(band, *limits)
                    for band, limits in zip(lms, context.ranges, strict=True)
                ]
            )
        }
    return Statistics(sums=sums, minima=minima)


def _histogram(values: torch.Tensor, low: float, high: float) -> Array:
    """Counts in bins of equal width; values outside count in the first and last."""
    place = ((values.double() - low) * (_BINS / (high - low))).clamp_(0, _BINS - 1).long()
    counts: Array = torch.bincount(place, minlength=_BINS).double().numpy()
    return counts


def haze(statistics: Statistics, context: Context) -> Array:
    """Returns the haze of each band in DN: of four bands a share of the first percentile, else the minimum (BroveyRegHazeMin).

    Percentiles of a scene come from a histogram of 65536 bins over a little more than the range of the scene's sample, interpolated
    within the bin.
    """
    if context.bands != len(_SHARE):
        assert statistics.minima is not None
        return statistics.minima
    percentiles = context.percentiles
    if percentiles is None:
        pairs = zip(statistics.sums["histogram"], context.ranges, strict=True)
        percentiles = tuple(_percentile(counts, *limits) for counts, limits in pairs)
    dark: Array = _SHARE * np.array(percentiles)
    return dark


def _percentile(counts: Array, low: float, high: float) -> float:
    below = np.cumsum(counts)
    wanted = 0.01 * below[-1]
    found = int(np.searchsorted(below, wanted))
    inside = (wanted - below[found] + counts[found]) / counts[found] if counts[found] > 0 else 0.0
    return float(low + (found + inside) * (high - low) / _BINS)


def exact_percentiles(lms: torch.Tensor) -> tuple[float, ...]:
    """Returns the first percentile of each band as Matlab's prctile: value i of n sorted ones stands at ``(i - 0.5) / n``."""
    return tuple(float(np.quantile(band.numpy().ravel(), 0.01, method="hazen")) for band in lms)


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
        weights = torch.cat(
            [
                torch.eye(bands, dtype=torch.float64),
                torch.tensor([self.intensity], dtype=torch.float64),
            ]
        )
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
        return BroveyHazeRule(
            haze=numbers(dark), intensity=numbers(weights), scale=scale, shift=shift
        )
