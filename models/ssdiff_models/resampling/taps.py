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

__all__ = ["cubic", "lagrange", "lowpass_kernel", "mtf_kernel", "reduction_taps"]

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
    sigma = _sigma(TAPS - 1, ratio, gain)
    return torch.from_numpy(_sampled_gaussian(sigma, shift))


def lowpass_kernel(ratio: int) -> Tensor:
    """Returns the generic low-pass of the toolbox (LPfilterGauss), float64 ``(41, 41)``."""
    # In bins of N; genMTF's is in bins of N - 1.
    sigma = _sigma(TAPS, ratio, 0.3)
    return torch.from_numpy(_sampled_gaussian(sigma, 0.0))


def _sigma(bins: int, ratio: float, gain: float) -> float:
    """Returns the sigma of the Gaussian that falls to `gain` at the MS Nyquist frequency."""
    nyquist = bins / (2 * ratio)
    return nyquist / math.sqrt(-2 * math.log(gain))


@lru_cache(maxsize=128)
def _sampled_gaussian(sigma: float, shift: float) -> Array:
    """Samples the inverse DFT of a Gaussian of `sigma` bins under a circular Kaiser window."""
    half = TAPS // 2
    bins = np.arange(-half, half + 1)
    reach = half + 1 if shift else half
    positions = np.arange(-reach, reach + 1) - shift
    sigmas = bins / sigma
    response = np.exp(-0.5 * sigmas**2)
    angles = 2 * np.pi * np.outer(positions, bins) / TAPS
    profile = np.cos(angles) @ response / TAPS
    distance = np.hypot(positions[:, None], positions)
    kaiser = np.kaiser(TAPS, 0.5)
    window = np.interp(distance / half, bins / half, kaiser, right=0.0)
    kernel: Array = np.outer(profile, profile) * window
    return kernel


def cubic(x: Array) -> Array:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    square = x * x
    cube = square * x
    inner = 1.5 * cube - 2.5 * square + 1
    outer = -0.5 * cube + 2.5 * square - 4 * x + 2
    beyond_one = np.where(x <= 2, outer, 0.0)
    return np.where(x <= 1, inner, beyond_one)


def reduction_taps(ratio: int, centre: float) -> tuple[int, Array]:
    """Returns the first pixel and the taps of imresize's antialiased cubic, not normalised."""
    first = math.floor(centre) - 2 * ratio
    length = 4 * ratio + 2
    pixels = np.arange(length) + first
    distance = pixels - centre
    return first, cubic(distance / ratio)


def lagrange(fraction: Points, taps: int) -> list[Points]:
    """Returns the weight of each of `taps` samples, an even number, in the polynomial through all.

    `fraction` is the position between the middle two samples, 0..1.
    """
    half = taps // 2
    nodes = range(1 - half, half + 1)
    weights = []
    for node in nodes:
        others = [other for other in nodes if other != node]
        product = reduce(operator.mul, [fraction - other for other in others])
        at_node = math.prod(node - other for other in others)
        weights.append(product / at_node)
    return weights
