"""Wald's protocol: MTF filters and decimation, with exact sub-pixel geometry.

The kernels are those of the field's reference toolbox (genMTF, imresize), at any phase. Results
keep the images' dtype and device.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.resampling.borders import weighted_rows
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.resampling.taps import reduction_taps

__all__ = ["correlate", "imresize_bicubic", "mtf_filter", "reduce_ms", "reduce_pan"]


def correlate(image: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """Correlates the bands of ``(bands, rows, cols)`` with kernels; borders are replicated.

    The kernels, one for each band or one for all, are ``(k, k)`` with an odd k.
    """
    size = len(kernels[0])
    reach = size // 2
    padded = pad(image[None], (reach,) * 4, mode="replicate")[0]
    _, height, width = padded.shape
    shape = (_fast_size(height), _fast_size(width))
    # Correlation is convolution with the flipped kernel; the FFT needs no separable kernel.
    flipped = [kernel.flip(0, 1) for kernel in kernels]
    stack = torch.stack(flipped).to(padded)
    spectrum = torch.fft.rfft2(padded, s=shape)
    product = spectrum * torch.fft.rfft2(stack, s=shape)
    result: Tensor = torch.fft.irfft2(product, s=shape)
    first = size - 1
    return result[:, first:height, first:width]


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
    """Filters each band of ``(bands, rows, cols)`` with its MTF, not normalised."""
    kernels = [mtf_kernel(gain, ratio) for gain in gains]
    return correlate(image, kernels)


def reduce_ms(image: Tensor, gains: Sequence[float], ratio: int, phase: float) -> Tensor:
    """Degrades an image to MS resolution: normalised MTF filters, sampled at ``ratio*i + phase``.

    Args:
        image: ``(bands, rows, cols)``; a remainder beyond a multiple of `ratio` is ignored.
        gains: MTF gain at Nyquist of each band.
        ratio: Pixels of `image` per pixel of the result.
        phase: Index in `image` of the centre of the result's pixel 0.

    Returns:
        ``(bands, rows // ratio, cols // ratio)``.
    """
    first = math.floor(phase)
    shift = phase % 1
    kernels = [mtf_kernel(gain, ratio, shift) for gain in gains]
    normalised = [kernel / kernel.sum() for kernel in kernels]
    filtered = correlate(image, normalised)
    sampled = filtered[:, first::ratio, first::ratio]
    _, height, width = image.shape
    rows = height // ratio
    cols = width // ratio
    return sampled[:, :rows, :cols]


def reduce_pan(
    pan: Tensor, ratio: int, *, first: tuple[float, float], shape: tuple[int, int]
) -> Tensor:
    """Reduces a PAN by an antialiased bicubic (imresize), sampled at ``first + ratio*i``.

    Args:
        pan: ``(rows, cols)``; mirrored at its borders.
        ratio: Pixels of `pan` per pixel of the result.
        first: Row and column in `pan`, fractional, of the centre of the result's pixel (0, 0).
        shape: ``(rows, cols)`` of the result.
    """
    row, col = first
    height, width = shape
    rows = _cubic_rows(pan, ratio, row, height)
    return _cubic_rows(rows.mT, ratio, col, width).mT


def _cubic_rows(image: Tensor, ratio: int, first: float, count: int) -> Tensor:
    start, taps = reduction_taps(ratio, first)
    weights = torch.from_numpy(taps)
    normalised = weights / weights.sum()
    return weighted_rows(image, normalised, start=start, step=ratio, count=count)


def imresize_bicubic(image: Tensor, ratio: int) -> Tensor:
    """Shrinks ``(rows, cols)`` as Matlab's ``imresize(image, 1/ratio)``, antialiased."""
    rows, cols = image.shape
    centre = (ratio - 1) / 2
    height = -(-rows // ratio)
    width = -(-cols // ratio)
    return reduce_pan(image, ratio, first=(centre, centre), shape=(height, width))
