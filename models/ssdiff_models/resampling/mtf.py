"""Low-pass kernels of the reference toolbox: the sensors' MTF, and the generic one."""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError

__all__ = ["lowpass_kernel", "mtf_kernel"]

TAPS = 41
"""Width of the MTF filters in PAN pixels."""

Array = npt.NDArray[np.float64]


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


def lowpass_kernel(ratio: float) -> Tensor:
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
