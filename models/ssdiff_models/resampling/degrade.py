"""Wald's protocol: MTF filters and decimation, with exact sub-pixel geometry.

The kernels are those of the field's reference toolbox (genMTF, imresize), at any phase. Results
keep the images' dtype and device.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.resampling.borders import weighted_rows
from ssdiff_models.resampling.taps import cubic, mtf_kernel

__all__ = ["correlate", "imresize_bicubic", "mtf_filter", "reduce_ms", "reduce_pan"]


def correlate(image: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    """Correlates the bands of ``(bands, rows, cols)`` with kernels; borders are replicated.

    The kernels, one for each band or one for all, are ``(k, k)`` with an odd k.
    """
    size = kernels[0].shape[0]
    rows, cols = image.shape[-2:]
    padded = pad(image[None], (size // 2,) * 4, mode="replicate")[0]
    shape = (_fast_size(padded.shape[-2]), _fast_size(padded.shape[-1]))
    # Correlation is convolution with the flipped kernel; the FFT needs no separable kernel.
    stack = torch.stack([kernel.flip(0, 1) for kernel in kernels]).to(padded)
    product = torch.fft.rfft2(padded, s=shape) * torch.fft.rfft2(stack, s=shape)
    result: Tensor = torch.fft.irfft2(product, s=shape)
    first = size - 1
    return result[..., first : first + rows, first : first + cols]


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
    return correlate(image, [mtf_kernel(gain, ratio) for gain in gains])


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
    kernels = [mtf_kernel(gain, ratio, phase % 1) for gain in gains]
    filtered = correlate(image, [kernel / kernel.sum() for kernel in kernels])
    rows, cols = image.shape[-2] // ratio, image.shape[-1] // ratio
    return filtered[..., first::ratio, first::ratio][..., :rows, :cols]


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
    rows = _cubic_rows(pan, ratio, first[0], shape[0])
    return _cubic_rows(rows.mT, ratio, first[1], shape[1]).mT


def _cubic_rows(image: Tensor, ratio: int, first: float, count: int) -> Tensor:
    start = math.floor(first) - 2 * ratio
    distance = np.arange(4 * ratio + 2) + start - first
    weights = torch.from_numpy(cubic(distance / ratio))
    return weighted_rows(image, weights / weights.sum(), start=start, step=ratio, count=count)


def imresize_bicubic(image: Tensor, ratio: int) -> Tensor:
    """Shrinks ``(rows, cols)`` as Matlab's ``imresize(image, 1/ratio)``, antialiased."""
    rows, cols = image.shape
    centre = (ratio - 1) / 2
    shape = (-(-rows // ratio), -(-cols // ratio))
    return reduce_pan(image, ratio, first=(centre, centre), shape=shape)
