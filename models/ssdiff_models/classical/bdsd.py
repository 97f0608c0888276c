"""BDSD: band-dependent spatial detail, by regression one scale down; the scene is one block."""

import numpy as np
import torch

from ssdiff_models.classical.block import FILTER_REACH, Block
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
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["Bdsd"]


class Bdsd(Method):
    """BDSD and BDSD-PC: detail of a band as a linear mixture of PAN and MS.

    It is fitted between the MS and its own MTF-filtered self. BDSD-PC wants no negative gain of the
    PAN and no positive one of an MS band.
    """

    def __init__(self, *, physical: bool) -> None:
        """Takes whether gains are constrained (BDSD-PC)."""
        self._physical = physical

    def reach(self, grid: ModelGrid) -> int:
        return (FILTER_REACH + 3) * grid.ratio

    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Sums at MS resolution of the PAN, the filtered MS and its detail."""
        image = block.lms_reduced(FILTER_REACH)
        inner = image[:, FILTER_REACH:-FILTER_REACH, FILTER_REACH:-FILTER_REACH]
        # The next coarser scale, in pixels of the grid.
        coarser = context.grid.seen**2 / context.grid.ratio
        lowpasses = [mtf(gain, coarser, 0.0, 1) for gain in context.gains]
        pairs = zip(lowpasses, image, strict=True)
        filtered = [lowpass(band[None], FILTER_REACH, block.small) for lowpass, band in pairs]
        low = torch.cat(filtered)
        pan = block.pan_as_ms(context.pan_gain)[None]
        features = torch.cat([pan, low, inner - low])
        return Statistics(sums={"reduced": gram(features, block.valid_small)})

    def solve(self, statistics: Statistics, context: Context) -> Rule:
        moments = statistics.moments("reduced")
        bands = context.bands
        gains = np.stack([self._fit(moments, band, bands) for band in range(bands)])
        weights = np.eye(bands) + gains[:, 1:]
        rows = tuple(map(numbers, weights))
        return LinearRule(weights=rows, pan=numbers(gains[:, 0]), offset=(0.0,) * bands)

    def _fit(self, moments: Moments, band: int, bands: int) -> Array:
        used = list(range(bands + 1))
        target = 1 + bands + band
        if not self._physical:
            return moments.regress_through_zero(target, used)
        sign = np.array([1.0] + [-1.0] * bands)
        matrix = moments.products(used, used) * np.outer(sign, sign)
        size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
        wanted = moments.products(used, [target])[:, 0] * sign
        found = nonnegative_least_squares(matrix / np.outer(size, size), wanted / size)
        gains: Array = sign * found / size
        return gains
