"""MTF filters, decimation and interpolation: Wald's protocol and EXP, with exact sub-pixel geometry.

Kernels are those of the field's reference toolbox (genMTF, LPfilterGauss, interp23tap, imresize), evaluated at fractional positions where
a grid's phase asks for it. Images are tensors ``(bands, rows, cols)``; results keep their dtype and device.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling import Filter, resample

__all__ = [
    "correlate",
    "imresize_bicubic",
    "interp23",
    "lowpass_kernel",
    "mtf_filter",
    "mtf_kernel",
    "reduce_ms",
    "reduce_pan",
    "shift_image",
    "upsample",
]

TAPS = 41
"""Width of the MTF filters in PAN pixels."""
_HALF_BAND = (0.610668182370, -0.145397186478, 0.043619155884, -0.010385513306, 0.001615524292, -0.000120162964)
_LAGRANGE = np.arange(-5, 7)


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
    return torch.from_numpy(_sampled_gaussian(TAPS / (2 * ratio) / math.sqrt(-2 * math.log(0.3)), shift))


@lru_cache(maxsize=128)
def _sampled_gaussian(sigma: float, shift: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
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


def correlate(image: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """Correlates each band with its own odd-sized kernel; borders are replicated.

    Args:
        image: ``(bands, rows, cols)``.
        kernels: One ``(k, k)`` kernel for each band, or a single one for all; all of one size.
    """
    size = kernels[0].shape[0]
    rows, cols = image.shape[-2:]
    padded = pad(image[None], (size // 2,) * 4, mode="replicate")[0]
    shape = (_fast_size(padded.shape[-2]), _fast_size(padded.shape[-1]))
    # Correlation is convolution with the flipped kernel; the FFT is exact to rounding and needs no separable kernel.
    stack = torch.stack([kernel.flip(0, 1) for kernel in kernels]).to(padded)
    product = torch.fft.rfft2(padded, s=shape) * torch.fft.rfft2(stack, s=shape)
    result: Tensor = torch.fft.irfft2(product, s=shape)[..., size - 1 : size - 1 + rows, size - 1 : size - 1 + cols]
    return result


def _fast_size(size: int) -> int:
    """Returns the smallest number not below `size` with no prime factor above 5."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def mtf_filter(image: Tensor, gains: Sequence[float], ratio: int) -> Tensor:
    """Low-passes each band of ``(bands, rows, cols)`` with its MTF, as the reference toolbox does (not normalised, no decimation)."""
    return correlate(image, [mtf_kernel(gain, ratio) for gain in gains])


def reduce_ms(image: Tensor, gains: Sequence[float], ratio: int, phase: float) -> Tensor:
    """Degrades an image to the resolution of a sensor's MS: MTF filter of unit gain at DC, sampled at ``ratio*i + phase``.

    Args:
        image: ``(bands, rows, cols)``; a remainder of rows or columns beyond a multiple of `ratio` is ignored.
        gains: MTF gain at Nyquist of each band.
        ratio: Pixels of `image` per pixel of the result.
        phase: Index in `image` of the centre of the result's pixel 0; 2 in PanCollection's data, ``(ratio-1)/2`` on aligned grids.

    Returns:
        ``(bands, rows // ratio, cols // ratio)``.
    """
    whole, shift = int(phase // 1), phase % 1
    kernels = [mtf_kernel(gain, ratio, shift) for gain in gains]
    filtered = correlate(image, [kernel / kernel.sum() for kernel in kernels])
    rows, cols = image.shape[-2] // ratio, image.shape[-1] // ratio
    return filtered[..., whole::ratio, whole::ratio][..., :rows, :cols]


def reduce_pan(pan: Tensor, ratio: int, *, first: tuple[float, float], shape: tuple[int, int]) -> Tensor:
    """Reduces a PAN by an antialiased bicubic (Matlab's imresize), sampled at any sub-pixel positions ``first + ratio*i``.

    Args:
        pan: ``(rows, cols)``; mirrored at its borders.
        ratio: Pixels of `pan` per pixel of the result.
        first: ``(row, col)`` index in `pan`, fractional, of the centre of the result's pixel (0, 0).
        shape: ``(rows, cols)`` of the result.
    """
    rows = _cubic_rows(pan, ratio, first[0], shape[0])
    return _cubic_rows(rows.mT, ratio, first[1], shape[1]).mT


def _cubic_rows(image: Tensor, ratio: int, first: float, count: int) -> Tensor:
    start = math.floor(first) - 2 * ratio
    distance = torch.arange(4 * ratio + 2, dtype=torch.float64) + start - first
    weights = _cubic(distance / ratio)
    index = torch.arange(count)[:, None] * ratio + start + torch.arange(len(distance))
    size = image.shape[-2]
    index = index.remainder(2 * size)
    index = torch.where(index < size, index, 2 * size - 1 - index).to(image.device)
    return torch.einsum("ktc,t->kc", image[index], (weights / weights.sum()).to(image))


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic with a = -0.5."""
    x = x.abs()
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


def shift_image(image: Tensor, first: tuple[float, float]) -> Tensor:
    """Resamples ``(rows, cols)`` at ``first + i`` by 12-tap Lagrange interpolation, without changing its size; borders are mirrored."""
    rows = _lagrange_rows(image, first[0])
    return _lagrange_rows(rows.mT, first[1]).mT


def _lagrange_rows(image: Tensor, first: float) -> Tensor:
    size, base = image.shape[-2], math.floor(first)
    weights = torch.from_numpy(_lagrange(first - base)).to(image)
    index = (torch.arange(size)[:, None] + base + torch.from_numpy(_LAGRANGE)).remainder(2 * size)
    index = torch.where(index < size, index, 2 * size - 1 - index).to(image.device)
    return torch.einsum("ktc,t->kc", image[index], weights)


def imresize_bicubic(image: Tensor, ratio: int) -> Tensor:
    """Shrinks ``(rows, cols)`` by an integer ratio as Matlab's ``imresize(image, 1/ratio)``: bicubic, antialiased, symmetric borders."""
    rows, cols = image.shape
    return reduce_pan(image, ratio, first=((ratio - 1) / 2,) * 2, shape=(-(-rows // ratio), -(-cols // ratio)))


def interp23(ms: Tensor, ratio: int) -> Tensor:
    """Interpolates by 2 or 4 with the 23-tap half-band filter and circular borders (interp23tap): pixel i lands at ``ratio*i + ratio/2``.

    Raises:
        UsageError: When `ratio` is neither 2 nor 4.
    """
    if ratio not in (2, 4):
        raise UsageError(f"the 23-tap interpolator serves ratios 2 and 4, got {ratio}")
    for step in range(ratio // 2):
        ms = _double(_double(ms, -1, first=step == 0), -2, first=step == 0)
    return ms


def _double(image: Tensor, axis: int, *, first: bool) -> Tensor:
    """Doubles one axis; the samples land on odd positions in the first of the doublings and on even ones after it."""
    between = torch.zeros_like(image)
    for m, tap in enumerate(_HALF_BAND):
        before, after = (m + 1, -m) if first else (m, -(m + 1))
        between += tap * (image.roll(before, axis) + image.roll(after, axis))
    pair = (between, image) if first else (image, between)
    return torch.stack(pair, -1).flatten(-2) if axis == -1 else torch.stack(pair, -2).flatten(-3, -2)


def upsample(ms: Tensor, ratio: int, phase: float, halo: int) -> Tensor:
    """Interpolates an MS window to the PAN grid (EXP): what the tool calls LMS.

    At phase ``ratio/2`` this is the 23-tap interpolator; at any other phase it is degree-11 Lagrange interpolation, whose midpoint taps
    are those very 23 taps.

    Args:
        ms: ``(bands, rows + 2*halo, cols + 2*halo)``.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of the MS pixel after the halo.
        halo: MS pixels around the window, at least 10.

    Returns:
        ``(bands, rows*ratio, cols*ratio)``.

    Raises:
        UsageError: When the halo is too small for the kernel.
    """
    kernel, origin = _interpolator(ratio, phase)
    last = origin + kernel.length - 1
    if halo + origin < 0 or last > halo:
        raise UsageError(f"interpolation needs a halo of {max(-origin, last)} MS pixels, got {halo}")
    rows, cols = ms.shape[-2] - 2 * halo, ms.shape[-1] - 2 * halo
    window = ms[:, halo + origin : halo + last + rows, halo + origin : halo + last + cols]
    return resample(window, kernel, kernel)


@lru_cache(maxsize=32)
def _interpolator(ratio: int, phase: float) -> tuple[Filter, int]:
    taps, origin = _polyphase(ratio, phase)
    return Filter.of(taps, 1), origin


@lru_cache(maxsize=32)
def _polyphase(ratio: int, phase: float) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], int]:
    """Returns the taps of each of the `ratio` output residues and the MS offset of the first tap."""
    if ratio in (2, 4) and phase == ratio / 2:
        size = 32
        impulse = torch.zeros(1, size, size, dtype=torch.float64)
        impulse[0, 16, 16] = 1.0
        response = interp23(impulse, ratio)[0, :, 16 * ratio + ratio // 2].numpy()
        # The impulse at pixel 16 reaches output ratio*(16-k)+q through tap k of residue q.
        return np.stack([response[q::ratio][16 + 9 : 16 - 10 : -1] for q in range(ratio)]), -9
    position = (np.arange(ratio) - phase) / ratio
    taps = np.zeros((ratio, 14))
    for q, u in enumerate(position):
        base = math.floor(u)
        taps[q, base + 1 : base + 13] = _lagrange(u - base)
    return taps, -6


def _lagrange(fraction: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weights of samples -5..6 that interpolate at `fraction` in [0, 1) with a polynomial of degree 11."""
    nodes = _LAGRANGE.astype(float)
    return np.array([np.prod([(fraction - m) / (n - m) for m in nodes if m != n]) for n in nodes])
