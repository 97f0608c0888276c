"""BDSD: band-dependent spatial detail, by regression one scale down. The whole scene is one block, so any width will do."""

import numpy as np
import torch

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.component_substitution import LinearRule
from ssdiff_models.classical.method import Context, Method, Rule, numbers
from ssdiff_models.classical.moments import (
    Array,
    Moments,
    Statistics,
    gram,
    nonnegative_least_squares,
)
from ssdiff_models.resampling.lowpass import mtf

__all__ = ["Bdsd"]

_MTF_REACH = 24
"""MS pixels around a block: the MTF filter runs on the MS grid, too."""


class Bdsd(Method):
    """BDSD and BDSD-PC: detail of a band as a linear mixture of PAN and MS, fitted between the MS and its own MTF-filtered self.

    BDSD-PC wants no negative gain of the PAN and no positive one of an MS band.
    """

    def __init__(self, *, physical: bool) -> None:
        """Takes whether gains are constrained (BDSD-PC)."""
        self._physical = physical

    def reach(self, geometry: Geometry) -> int:
        """Returns the reach of an MTF filter on the MS grid after a bicubic."""
        return (_MTF_REACH + 3) * geometry.ratio

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums at MS resolution of the PAN, the filtered MS and its detail."""
        ratio, image = context.geometry.ratio, block.lms_reduced(_MTF_REACH)
        inner = image[:, _MTF_REACH:-_MTF_REACH, _MTF_REACH:-_MTF_REACH]
        pairs = zip(image, context.gains, strict=True)
        low = torch.cat(
            [mtf(gain, ratio, 0.0, 1)(band[None], _MTF_REACH, block.small) for band, gain in pairs]
        )
        features = torch.cat([block.pan_as_ms(context.pan_gain)[None], low, inner - low])
        return Statistics(sums={"reduced": gram(features, block.valid_small)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Fits each band."""
        moments = statistics.moments("reduced")
        gains = np.stack([self._fit(moments, band, context.bands) for band in range(context.bands)])
        weights = np.eye(context.bands) + gains[:, 1:]
        return LinearRule(
            weights=tuple(map(numbers, weights)),
            pan=numbers(gains[:, 0]),
            offset=(0.0,) * context.bands,
        )

    def _fit(self, moments: Moments, band: int, bands: int) -> Array:
        used, target = list(range(bands + 1)), 1 + bands + band
        if not self._physical:
            return moments.regress_through_zero(target, used)
        sign = np.array([1.0] + [-1.0] * bands)
        matrix = moments.products(used, used) * np.outer(sign, sign)
        size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
        wanted = moments.products(used, [target])[:, 0] * sign
        gains: Array = (
            sign * nonnegative_least_squares(matrix / np.outer(size, size), wanted / size) / size
        )
        return gains
