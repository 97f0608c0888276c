"""Filters of the classical methods: the toolbox's low-passes, sampled at any sub-pixel phase."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import Tensor

from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import cubic, lowpass_kernel, mtf_kernel

__all__ = ["Lowpass", "bicubic_down", "bicubic_up", "binomial", "gaussian_lowpass", "mtf"]

_RANK_ERROR = 1e-12
"""Part of the largest singular value below which a kernel's terms vanish in rounding."""


@dataclass(frozen=True, slots=True)
class Lowpass:
    """A 2-D filter as a short sum of separable ones, applied at every `step`-th pixel."""

    terms: tuple[tuple[Filter, Filter], ...]
    """Row and column filter of each term."""
    first: int
    """The first input pixel that output 0 uses."""

    def __call__(self, image: Tensor, margin: int, count: tuple[int, int]) -> Tensor:
        """Filters ``(bands, rows, cols)``.

        Args:
            image: All pixels that the filter reaches.
            margin: Index in `image`, on both axes, of pixel 0.
            count: ``(rows, cols)`` of the result.
        """
        start = margin + self.first
        kernel = self.terms[0][0]
        rows = start + kernel.span(count[0])
        cols = start + kernel.span(count[1])
        window = image[:, start:rows, start:cols]
        total = resample(window, *self.terms[0])
        for term in self.terms[1:]:
            total += resample(window, *term)
        return total


def _separated(kernel: Tensor, first: int, step: int) -> Lowpass:
    rows, values, cols = np.linalg.svd(kernel.numpy())
    rank = int((values > _RANK_ERROR * values[0]).sum())
    down = [Filter.of(rows[:, k] * values[k], step) for k in range(rank)]
    across = [Filter.of(cols[k], step) for k in range(rank)]
    return Lowpass(tuple(zip(down, across, strict=True)), first)


@lru_cache(maxsize=64)
def mtf(gain: float, ratio: int, phase: float, step: int) -> Lowpass:
    """Returns the MTF filter (genMTF, not normalised), centred on pixels ``step*i + phase``."""
    kernel = mtf_kernel(gain, ratio, phase % 1)
    return _separated(kernel, math.floor(phase) - kernel.shape[0] // 2, step)


@lru_cache(maxsize=16)
def gaussian_lowpass(ratio: int) -> Lowpass:
    """Returns the generic low-pass (LPfilterGauss) at every pixel."""
    kernel = lowpass_kernel(ratio)
    return _separated(kernel, -(kernel.shape[0] // 2), 1)


@lru_cache(maxsize=16)
def binomial(ratio: int, phase: float, step: int) -> Lowpass:
    """Returns the binomial low-pass of sigma ``ratio/2``, centred on pixels ``step*i + phase``.

    At ratio 4 and an integer phase this is ``[1 4 6 4 1] / 16`` four times, as in the toolbox's GSA
    and AWLP. Between pixels, the Gamma function gives the coefficients.
    """
    order = ratio * ratio
    reach = order // 2 + 1
    taps = np.array([_choose(order, k - phase % 1) for k in range(-reach, reach + 1)])
    if phase % 1 == 0 and order % 2 == 0:
        taps = taps[1:-1]
        reach -= 1
    kernel = Filter.of(taps / taps.sum(), step)
    return Lowpass(((kernel, kernel),), math.floor(phase) - reach)


def _choose(order: int, distance: float) -> float:
    up = order / 2 + distance + 1
    down = order / 2 - distance + 1
    if min(up, down) <= 0:
        return 0.0
    return math.exp(
        math.lgamma(order + 1) - math.lgamma(up) - math.lgamma(down) - order * math.log(2)
    )


@lru_cache(maxsize=16)
def bicubic_down(ratio: int) -> Lowpass:
    """Returns Matlab's antialiased bicubic reduction, centred on each group of `ratio` pixels."""
    centre = (ratio - 1) / 2
    first = math.floor(centre) - 2 * ratio
    taps = cubic((np.arange(4 * ratio + 2) + first - centre) / ratio)
    kernel = Filter.of(taps / taps.sum(), ratio)
    return Lowpass(((kernel, kernel),), first)


@lru_cache(maxsize=16)
def bicubic_up(ratio: int) -> Lowpass:
    """Returns Matlab's bicubic enlargement: input pixel i makes output pixels ``ratio*i ..``."""
    positions = (np.arange(ratio) + 0.5) / ratio - 0.5
    taps = np.stack([cubic(np.arange(-2, 3) - position) for position in positions])
    kernel = Filter.of(taps / taps.sum(1, keepdims=True), 1)
    return Lowpass(((kernel, kernel),), -2)
