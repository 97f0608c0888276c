"""Separable resampling by matrix products: short filters along rows and columns.

An axis is cut into strips. A strip is one product with a small banded matrix, which is many times
faster than a convolution with a single channel. Every sample adds its taps in one order, so its
value depends neither on its strip nor on the size of the image.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Filter", "resample"]

STRIP = 8
"""Groups of output samples to a strip; its matrix has ``(STRIP - 1) * step + taps`` columns."""
_SHORTEST = 16
"""With fewer columns, the products take other routes, with other roundings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Group i of the output is ``taps @ input[i * step : i * step + length]``."""

    taps: tuple[tuple[float, ...], ...]
    """``(samples to a group, length)``."""
    step: int
    """Input samples from one group to the next."""

    @classmethod
    def of(cls, taps: npt.NDArray[np.float64], step: int) -> "Filter":
        """Takes the taps of one sample to a group, or ``(samples, length)``."""
        lines = np.atleast_2d(taps).tolist()
        return cls(taps=tuple(map(tuple, lines)), step=step)

    @property
    def length(self) -> int:
        """Number of taps."""
        return len(self.taps[0])

    def span(self, groups: int) -> int:
        """Returns how many input samples `groups` groups need."""
        return (groups - 1) * self.step + self.length


def resample(image: Tensor, rows: Filter, cols: Filter) -> Tensor:
    """Filters both axes of ``(bands, rows, cols)``; all groups that fit into the image come out."""
    # The cheaper order: rows first if they are shrunk, last if enlarged.
    if len(rows.taps) > rows.step:
        filtered = _along_cols(image, cols)
        return _along_rows(filtered, rows)
    filtered = _along_rows(image, rows)
    return _along_cols(filtered, cols)


def _along_cols(image: Tensor, kernel: Filter) -> Tensor:
    turned = image.mT.contiguous()
    filtered = _along_rows(turned, kernel)
    return filtered.mT.contiguous()


def _along_rows(image: Tensor, kernel: Filter) -> Tensor:
    bands, size, cols = image.shape
    samples = len(kernel.taps)
    room = size - kernel.length
    groups = room // kernel.step + 1
    strips = -(-groups // STRIP)
    matrix = _matrix(kernel, image.dtype).to(image.device)
    made, used = matrix.shape
    width = max(cols, _SHORTEST)
    image = _padded(image, kernel.span(strips * STRIP), width)
    plane, row, _ = image.stride()
    strip = STRIP * kernel.step * row
    shape = (bands, strips, used, width)
    strides = (plane, strip, row, 1)
    pieces = image.as_strided(shape, strides, image.storage_offset())
    output = image.new_empty(bands, strips, made, width)
    matrices = matrix.expand(strips, -1, -1)
    for band in range(bands):
        torch.bmm(matrices, pieces[band], out=output[band])
    lines = output.flatten(1, 2)
    return lines[:, : groups * samples, :cols]


def _padded(image: Tensor, rows: int, cols: int) -> Tensor:
    """Adds zeros that no wanted sample uses, and makes the columns contiguous."""
    _, height, width = image.shape
    below = max(rows - height, 0)
    right = cols - width
    if below or right:
        return pad(image, (0, right, 0, below))
    return image if image.stride(2) == 1 else image.contiguous()


@lru_cache(maxsize=128)
def _matrix(kernel: Filter, dtype: torch.dtype) -> Tensor:
    taps = np.array(kernel.taps)
    samples = len(taps)
    matrix = np.zeros((STRIP, samples, kernel.span(STRIP)))
    for group in range(STRIP):
        first = group * kernel.step
        stop = first + kernel.length
        matrix[group, :, first:stop] = taps
    flat = matrix.reshape(STRIP * samples, -1)
    return torch.from_numpy(flat).to(dtype)
