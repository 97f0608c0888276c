"""Taps of every kernel: the sensors' MTF, low-passes, cubic and Lagrange interpolation."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError

__all__ = ["lowpass_kernel", "mtf_kernel"]

TAPS = 41
"""Width of the MTF filters in PAN pixels."""
LAGRANGE = np.arange(-5, 7)


def mtf_kernel(gain: float, ratio: float, shift: float = 0.0) -> Tensor:
    """Returns the filter whose response at the MS Nyquist frequency is `gain`, not normalised, as genMTF makes it.

    Args:
        gain: MTF at the MS Nyquist frequency, between 0 and 1.
        ratio: PAN pixels per MS pixel.
        shift: Fraction of a pixel, in [0, 1), by which the kernel's centre lies after the output pixel, on both axes.

    Returns:
        Float64 ``(41, 41)``, or ``(43, 43)`` with a shift.

    Raises:
        UsageError: When `gain` is outside (0, 1).
    """
    if not 0 < gain < 1:
        raise UsageError(f"an MTF gain lies between 0 and 1, got {gain}")
    sigma = (TAPS - 1) / (2 * ratio) / math.sqrt(-2 * math.log(gain))
    return torch.from_numpy(_sampled_gaussian(sigma, shift))


def lowpass_kernel(ratio: int, shift: float = 0.0) -> Tensor:
    """Returns the generic low-pass of the reference toolbox (LPfilterGauss): gain 0.3, its sigma in bins of N instead of N - 1."""
    return torch.from_numpy(
        _sampled_gaussian(TAPS / (2 * ratio) / math.sqrt(-2 * math.log(0.3)), shift)
    )


@lru_cache(maxsize=128)
def _sampled_gaussian(
    sigma: float, shift: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Frequency sampling (inverse DFT of a centred Gaussian of `sigma` bins) under Huang's circular Kaiser window (beta 0.5)."""
    half = (TAPS - 1) // 2
    bins = np.arange(-half, half + 1)
    reach = half + (1 if shift else 0)
    positions = np.arange(-reach, reach + 1) - shift
    response = np.exp(-0.5 * (bins / sigma) ** 2)
    profile = np.cos(2 * np.pi * np.outer(positions, bins) / TAPS) @ response / TAPS
    radius = np.hypot(positions[:, None], positions[None, :]) / half
    window = np.interp(radius, bins / half, np.kaiser(TAPS, 0.5), right=0.0)
    kernel: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.outer(profile, profile) * window
    return kernel


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic with a = -0.5."""
    x = x.abs()
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


def lagrange(fraction: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights of samples -5..6 that interpolate at `fraction` in [0, 1) with a polynomial of degree 11."""
    nodes = LAGRANGE.astype(float)
    return np.array([np.prod([(fraction - m) / (n - m) for m in nodes if m != n]) for n in nodes])
