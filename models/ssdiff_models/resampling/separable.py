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
        return cls(taps=tuple(tuple(row) for row in np.atleast_2d(taps).tolist()), step=step)

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
        return _along_rows(_along_cols(image, cols), rows)
    return _along_cols(_along_rows(image, rows), cols)


def _along_cols(image: Tensor, kernel: Filter) -> Tensor:
    return _along_rows(image.mT.contiguous(), kernel).mT.contiguous()


def _along_rows(image: Tensor, kernel: Filter) -> Tensor:
    bands, size, cols = image.shape
    samples = len(kernel.taps)
    groups = (size - kernel.length) // kernel.step + 1
    strips = -(-groups // STRIP)
    matrix = _matrix(kernel, image.dtype).to(image.device)
    image = _padded(image, kernel.span(strips * STRIP), max(cols, _SHORTEST))
    width = image.shape[2]
    plane, row, _ = image.stride()
    strip_shape = (bands, strips, matrix.shape[1], width)
    strides = (plane, STRIP * kernel.step * row, row, 1)
    pieces = image.as_strided(strip_shape, strides, image.storage_offset())
    output = image.new_empty(bands, strips, STRIP * samples, width)
    for band in range(bands):
        torch.bmm(matrix.expand(strips, -1, -1), pieces[band], out=output[band])
    return output.flatten(1, 2)[:, : groups * samples, :cols]


def _padded(image: Tensor, rows: int, cols: int) -> Tensor:
    """Adds zeros that no wanted sample uses, and makes the columns contiguous."""
    missing_rows = max(rows - image.shape[1], 0)
    missing_cols = cols - image.shape[2]
    if missing_rows or missing_cols:
        return torch.nn.functional.pad(image, (0, missing_cols, 0, missing_rows))
    return image if image.stride(2) == 1 else image.contiguous()


@lru_cache(maxsize=128)
def _matrix(kernel: Filter, dtype: torch.dtype) -> Tensor:
    taps = np.array(kernel.taps)
    matrix = np.zeros((STRIP, len(taps), kernel.span(STRIP)))
    for group in range(STRIP):
        first = group * kernel.step
        matrix[group, :, first : first + kernel.length] = taps
    return torch.from_numpy(matrix.reshape(STRIP * len(taps), -1)).to(dtype)
