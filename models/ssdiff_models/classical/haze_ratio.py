"""BT-H: Brovey on haze-corrected bands with a regressed intensity (BroveyRegHazeMin)."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import FILTER_REACH, Block
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
from ssdiff_models.classical.moments import Array, Statistics, gram
from ssdiff_models.scene.band_matching import known_bands
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = [
    "BroveyHaze",
    "BroveyHazeRule",
    "HazeMethod",
    "add_detail",
    "exact_percentiles",
    "haze",
]

_SHARES = {"blue": 0.95, "green": 0.45, "red": 0.40, "nir": 0.05}
"""Part of the first percentile that is haze."""
_BINS = 1 << 16


class HazeMethod(Method):
    """What the methods share that take off the haze: the low-passed PAN regressed on the LMS."""

    def reach(self, grid: ModelGrid) -> int:
        return grid.whole_pixels(FILTER_REACH)

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums of the low-passed PAN and the LMS, and what `haze` needs.

        That is minima, and histograms of bands whose percentiles are needed and not known.
        """
        features = torch.cat([block.pan_gaussian()[None], block.lms])
        sums = {"pixels": gram(features, block.valid)}
        lms = block.lms if block.valid is None else block.lms[:, block.valid]
        lms = lms.flatten(1)
        bands, pixels = lms.shape
        minima = lms.amin(1).double().numpy() if pixels else np.full(bands, np.inf)
        if _shares(context) and context.percentiles is None:
            pairs = zip(lms, context.ranges, strict=True)
            histograms = [_histogram(band, *limits) for band, limits in pairs]
            sums["histogram"] = np.stack(histograms)
        return Statistics(sums=sums, minima=minima)


def _histogram(values: Tensor, low: float, high: float) -> Array:
    """Counts in bins of equal width; values outside count in the first and last."""
    place = (values.double() - low) * (_BINS / (high - low))
    counts = torch.bincount(place.clamp_(0, _BINS - 1).long(), minlength=_BINS)
    result: Array = counts.double().numpy()
    return result


def _shares(context: Context) -> tuple[float, ...]:
    """Returns the share of blue, green, red and near infrared by name; empty for other bands.

    Four bands of which no name is known have this order.
    """
    names = known_bands(context.names)
    if context.bands == len(_SHARES) and not any(names):
        return tuple(_SHARES.values())
    found = tuple(_SHARES[name] for name in names if name in _SHARES)
    return found if set(names) == set(_SHARES) and len(found) == context.bands else ()


def haze(statistics: Statistics, context: Context) -> Array:
    """Returns the haze of each band in DN (BroveyRegHazeMin).

    It is a share of the first percentile of blue, green, red and near infrared, else the minimum.
    Percentiles of a scene come from a histogram of 65536 bins over a little more than the range of
    the scene's sample, interpolated within the bin.
    """
    shares = _shares(context)
    if not shares:
        assert statistics.minima is not None
        return statistics.minima
    percentiles = context.percentiles
    if percentiles is None:
        pairs = zip(statistics.sums["histogram"], context.ranges, strict=True)
        percentiles = tuple(_percentile(counts, *limits) for counts, limits in pairs)
    dark: Array = np.array(shares) * np.array(percentiles)
    return dark


def _percentile(counts: Array, low: float, high: float) -> float:
    below = np.cumsum(counts)
    wanted = 0.01 * below[-1]
    found = int(np.searchsorted(below, wanted))
    count = counts[found]
    inside = (wanted - below[found] + count) / count if count > 0 else 0.0
    place = found + inside
    return float(low + place * (high - low) / _BINS)


def exact_percentiles(lms: Tensor) -> Numbers:
    """Returns the first percentile of each band as Matlab's prctile.

    Value i of n sorted ones stands at ``(i - 0.5) / n``.
    """
    return tuple(float(np.quantile(band.numpy().ravel(), 0.01, method="hazen")) for band in lms)


def add_detail(above: Tensor, ratio: Tensor, haze: Tensor) -> Tensor:
    """Returns ``max(above, 0) * ratio + haze`` in place of `above`, the bands less their haze."""
    return above.clamp_(min=0).mul_(ratio).add_(haze)


@dataclass(frozen=True, slots=True, kw_only=True)
class BroveyHazeRule(Rule):
    """``F = max(M - haze, 0) (scale P + shift) / I + haze``, the ratio bounded.

    ``I = intensity (M - haze)``.
    """

    haze: Numbers
    intensity: Numbers
    scale: float
    shift: float

    def apply(self, block: Block) -> Tensor:
        bands = len(self.haze)
        weights = identity_and((self.intensity,))
        dark = weights @ torch.tensor(self.haze, dtype=torch.float64)
        mixed = block.mixed(weights, -dark)
        matched = block.pan * self.scale + self.shift
        ratio = bounded_ratio(matched, mixed[bands])
        return add_detail(mixed[:bands], ratio, as_column(self.haze, mixed))


class BroveyHaze(HazeMethod):
    """BT-H: the intensity is a regression at PAN resolution, without a constant."""

    def solve(self, statistics: Statistics, context: Context) -> BroveyHazeRule:
        moments = statistics.moments("pixels")
        dark = haze(statistics, context)
        weights = moments.regress_through_zero(0, list(range(1, context.bands + 1)))
        variance = weights @ moments.cov[1:, 1:] @ weights
        std = math.sqrt(max(float(variance), 0.0))
        pan_std = float(moments.std[0])
        scale = std / pan_std if pan_std > 0 else 0.0
        mean = float(weights @ (moments.mean[1:] - dark))
        shift = mean - scale * float(moments.mean[0])
        return BroveyHazeRule(
            haze=numbers(dark), intensity=numbers(weights), scale=scale, shift=shift
        )
