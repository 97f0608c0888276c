"""Filters of the classical methods as separable resampling: the reference toolbox's low-passes, sampled at any sub-pixel phase."""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import lowpass_kernel, mtf_kernel

__all__ = ["Lowpass", "bicubic_down", "bicubic_up", "binomial", "gaussian_lowpass", "mtf"]

_RANK_ERROR = 1e-12
"""Largest singular value left out of a kernel, of the largest: far below the rounding of double precision sums."""


class Lowpass:
    """A 2-D filter as a short sum of separable ones, applied at every `step`-th pixel."""

    def __init__(self, terms: tuple[tuple[Filter, Filter], ...], first: int) -> None:
        """Takes the row and column filters of each term and where they start: output 0 uses input pixels `first` and after."""
        self.terms = terms
        self.first = first
        self.last = first + terms[0][0].length - 1
        """The last input pixel that output 0 uses."""

    def __call__(self, image: Tensor, margin: int, count: tuple[int, int]) -> Tensor:
        """Filters ``(bands, rows, cols)``.

        Args:
            image: The pixels, `margin` more than output 0's own origin above and left, and enough below and right.
            margin: Index in `image`, on both axes, of pixel 0.
            count: ``(rows, cols)`` of the result.
        """
        start = margin + self.first
        rows, cols = (start + self.terms[0][0].span(size) for size in count)
        window = image[:, start:rows, start:cols]
        total = resample(window, *self.terms[0])
        for term in self.terms[1:]:
            total += resample(window, *term)
        return total


def _separated(kernel: Tensor, first: int, step: int) -> Lowpass:
    left, values, right = np.linalg.svd(kernel.numpy())
    keep = values > _RANK_ERROR * values[0]
    terms = tuple(
        (Filter.of(left[:, k] * values[k], step), Filter.of(right[k], step))
        for k in range(len(values))
        if keep[k]
    )
    return Lowpass(terms, first)


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
    """Returns the binomial low-pass of order ``ratio**2`` (sigma ``ratio/2``), centred on pixels ``step*i + phase``.

    At ratio 4 and a whole phase these are the 17 taps of the reference's GSA and AWLP, ``[1 4 6 4 1] / 16`` four times. Between pixels,
    the binomial coefficient is that of the Gamma function, normalised.
    """
    order, centre = ratio * ratio, math.floor(phase)
    reach = order // 2 + 1
    taps = np.array([_choose(order, k - phase % 1) for k in range(-reach, reach + 1)])
    if phase % 1 == 0 and order % 2 == 0:
        taps = taps[1:-1]
        reach -= 1
    kernel = Filter.of(taps / taps.sum(), step)
    return Lowpass(((kernel, kernel),), centre - reach)


def _choose(order: int, distance: float) -> float:
    up, down = order / 2 + distance + 1, order / 2 - distance + 1
    if min(up, down) <= 0:
        return 0.0
    return math.exp(
        math.lgamma(order + 1) - math.lgamma(up) - math.lgamma(down) - order * math.log(2)
    )


@lru_cache(maxsize=16)
def bicubic_down(ratio: int) -> Lowpass:
    """Returns Matlab's antialiased bicubic reduction, centred on the middle of each group of `ratio` pixels."""
    centre = (ratio - 1) / 2
    first = math.floor(centre) - 2 * ratio
    taps = cubic_lowpass((np.arange(4 * ratio + 2) + first - centre) / ratio)
    kernel = Filter.of(taps / taps.sum(), ratio)
    return Lowpass(((kernel, kernel),), first)


@lru_cache(maxsize=16)
def bicubic_up(ratio: int) -> Lowpass:
    """Returns Matlab's bicubic enlargement: output pixels ``ratio*i ..`` from input pixels around i."""
    position = (np.arange(ratio) + 0.5) / ratio - 0.5
    taps = np.stack([cubic_lowpass(np.arange(-2, 3) - u) for u in position])
    kernel = Filter.of(taps / taps.sum(1, keepdims=True), 1)
    return Lowpass(((kernel, kernel),), -2)


def cubic_lowpass(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    outer = np.where(x <= 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0.0)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, outer)
