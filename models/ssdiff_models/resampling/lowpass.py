"""Filters of the classical methods: the toolbox's low-passes, sampled at any sub-pixel phase."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ssdiff_models.resampling.mtf import lowpass_kernel, mtf_kernel
from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import cubic, reduction_taps

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
        (down, across), *others = self.terms
        rows, cols = count
        start = margin + self.first
        row_stop = start + down.span(rows)
        col_stop = start + across.span(cols)
        window = image[:, start:row_stop, start:col_stop]
        total = resample(window, down, across)
        for term in others:
            total += resample(window, *term)
        return total


def _separated(kernel: Tensor, first: int, step: int) -> Lowpass:
    rows, values, cols = np.linalg.svd(kernel.numpy())
    least = _RANK_ERROR * values[0]
    terms = []
    for left, value, right in zip(rows.T, values, cols, strict=True):
        if value > least:
            down = Filter.of(left * value, step)
            across = Filter.of(right, step)
            terms.append((down, across))
    return Lowpass(tuple(terms), first)


def _alike(taps: npt.NDArray[np.float64], step: int, first: int) -> Lowpass:
    """Returns the filter with the same taps along both axes, scaled to the sum 1."""
    total = taps.sum(-1, keepdims=True)
    kernel = Filter.of(taps / total, step)
    return Lowpass(((kernel, kernel),), first)


@lru_cache(maxsize=64)
def mtf(gain: float, ratio: float, phase: float, step: int) -> Lowpass:
    """Returns the MTF filter (genMTF, not normalised), centred on pixels ``step*i + phase``."""
    kernel = mtf_kernel(gain, ratio, phase % 1)
    reach = len(kernel) // 2
    return _separated(kernel, math.floor(phase) - reach, step)


@lru_cache(maxsize=16)
def gaussian_lowpass(ratio: float) -> Lowpass:
    """Returns the generic low-pass (LPfilterGauss) at every pixel."""
    kernel = lowpass_kernel(ratio)
    reach = len(kernel) // 2
    return _separated(kernel, -reach, 1)


@lru_cache(maxsize=16)
def binomial(ratio: float, phase: float, step: int) -> Lowpass:
    """Returns the binomial low-pass of sigma ``ratio/2``, centred on pixels ``step*i + phase``.

    At ratio 4 and an integer phase this is ``[1 4 6 4 1] / 16`` four times, as in the toolbox's GSA
    and AWLP. Between pixels, the Gamma function gives the coefficients.
    """
    order = ratio * ratio
    reach = int(order // 2) + 1
    shift = phase % 1
    if shift == 0 and order % 2 == 0:
        reach -= 1
    pixels = range(-reach, reach + 1)
    taps = [_choose(order, pixel - shift) for pixel in pixels]
    return _alike(np.array(taps), step, math.floor(phase) - reach)


def _choose(order: float, distance: float) -> float:
    up = order / 2 + distance + 1
    down = order / 2 - distance + 1
    if min(up, down) <= 0:
        return 0.0
    choices = math.lgamma(order + 1) - math.lgamma(up) - math.lgamma(down)
    return math.exp(choices - order * math.log(2))


@lru_cache(maxsize=16)
def bicubic_down(step: int, ratio: float) -> Lowpass:
    """Returns Matlab's antialiased bicubic reduction by `ratio`, at each group of `step` pixels."""
    centre = (step - 1) / 2
    first, taps = reduction_taps(ratio, centre)
    return _alike(taps, step, first)


@lru_cache(maxsize=16)
def bicubic_up(ratio: int) -> Lowpass:
    """Returns Matlab's bicubic enlargement: input pixel i makes output pixels ``ratio*i ..``."""
    centres = np.arange(ratio) + 0.5
    positions = centres / ratio - 0.5
    pixels = np.arange(-2, 3)
    taps = cubic(pixels - positions[:, None])
    return _alike(taps, 1, -2)
