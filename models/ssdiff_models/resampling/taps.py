"""Taps of every kernel: the sensors' MTF, low-passes, cubic and Lagrange interpolation."""

import math
import operator
from functools import lru_cache, reduce
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError

__all__ = ["cubic", "lagrange", "lowpass_kernel", "mtf_kernel"]

TAPS = 41
"""Width of the MTF filters in PAN pixels."""

Array = npt.NDArray[np.float64]
Points = TypeVar("Points", float, Array, Tensor)


def mtf_kernel(gain: float, ratio: float, shift: float = 0.0) -> Tensor:
    """Returns the MTF filter of the reference toolbox (genMTF), not normalised.

    Args:
        gain: MTF at the MS Nyquist frequency, between 0 and 1.
        ratio: PAN pixels per MS pixel.
        shift: Fraction of a pixel, in [0, 1), from the output pixel to the kernel's centre.

    Returns:
        Float64 ``(41, 41)``, or ``(43, 43)`` with a shift, which counts on both axes.

    Raises:
        UsageError: When `gain` is outside (0, 1).
    """
    if not 0 < gain < 1:
        raise UsageError(f"an MTF gain lies between 0 and 1, got {gain}")
    sigma = (TAPS - 1) / (2 * ratio) / math.sqrt(-2 * math.log(gain))
    return torch.from_numpy(_sampled_gaussian(sigma, shift))


def lowpass_kernel(ratio: int) -> Tensor:
    """Returns the generic low-pass of the toolbox (LPfilterGauss), float64 ``(41, 41)``."""
    # In bins of N; genMTF's is in bins of N - 1.
    sigma = TAPS / (2 * ratio) / math.sqrt(-2 * math.log(0.3))
    return torch.from_numpy(_sampled_gaussian(sigma, 0.0))


@lru_cache(maxsize=128)
def _sampled_gaussian(sigma: float, shift: float) -> Array:
    """Samples the inverse DFT of a Gaussian of `sigma` bins under a circular Kaiser window."""
    half = (TAPS - 1) // 2
    bins = np.arange(-half, half + 1)
    reach = half + (1 if shift else 0)
    positions = np.arange(-reach, reach + 1) - shift
    response = np.exp(-0.5 * (bins / sigma) ** 2)
    profile = np.cos(2 * np.pi * np.outer(positions, bins) / TAPS) @ response / TAPS
    radius = np.hypot(positions[:, None], positions[None, :]) / half
    window = np.interp(radius, bins / half, np.kaiser(TAPS, 0.5), right=0.0)
    kernel: Array = np.outer(profile, profile) * window
    return kernel


def cubic(x: Array) -> Array:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    square = x * x
    inner = 1.5 * (square * x) - 2.5 * square + 1
    outer = -0.5 * (square * x) + 2.5 * square - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0.0))


def lagrange(fraction: Points, taps: int) -> list[Points]:
    """Returns the weight of each of `taps` samples, an even number, in the polynomial through all.

    `fraction` is the position between the middle two samples, 0..1.
    """
    nodes = range(1 - taps // 2, taps // 2 + 1)
    weights = []
    for node in nodes:
        others = [other for other in nodes if other != node]
        product = reduce(operator.mul, [fraction - other for other in others])
        weights.append(product / math.prod(node - other for other in others))
    return weights
