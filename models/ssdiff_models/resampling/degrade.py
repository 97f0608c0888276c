"""MTF filters, decimation and interpolation: Wald's protocol and EXP, with exact sub-pixel geometry.

Kernels are those of the field's reference toolbox (genMTF, LPfilterGauss, interp23tap, imresize), evaluated at fractional positions where
a grid's phase asks for it. Images are tensors ``(bands, rows, cols)``; results keep their dtype and device.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ssdiff_models.resampling.taps import cubic, mtf_kernel

__all__ = ["correlate", "imresize_bicubic", "mtf_filter", "reduce_ms", "reduce_pan"]


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
    result: Tensor = torch.fft.irfft2(product, s=shape)[
        ..., size - 1 : size - 1 + rows, size - 1 : size - 1 + cols
    ]
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


def reduce_pan(
    pan: Tensor, ratio: int, *, first: tuple[float, float], shape: tuple[int, int]
) -> Tensor:
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
    weights = cubic(distance / ratio)
    index = torch.arange(count)[:, None] * ratio + start + torch.arange(len(distance))
    size = image.shape[-2]
    index = index.remainder(2 * size)
    index = torch.where(index < size, index, 2 * size - 1 - index).to(image.device)
    return torch.einsum("ktc,t->kc", image[index], (weights / weights.sum()).to(image))


def imresize_bicubic(image: Tensor, ratio: int) -> Tensor:
    """Shrinks ``(rows, cols)`` by an integer ratio as Matlab's ``imresize(image, 1/ratio)``: bicubic, antialiased, symmetric borders."""
    rows, cols = image.shape
    return reduce_pan(
        image, ratio, first=((ratio - 1) / 2,) * 2, shape=(-(-rows // ratio), -(-cols // ratio))
    )
