"""Separable resampling by matrix products: short filters along rows and columns, enlarging, shrinking, or neither.

An axis is cut into strips, and a strip is one product with a small banded matrix, which is many times faster than a convolution with a
single channel. Every sample is one chain of multiplications and additions in the order of the taps, so its value depends neither on
the strip it lies in nor on the size of the image.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Filter", "resample"]

STRIP = 8
"""Groups of output samples to a strip: its matrix has ``(STRIP - 1) * step + taps`` columns, most of them zero if it is long."""
_SHORTEST = 16
"""Fewer rows or columns than this make the products take other routes, with other roundings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Group i of the output, one sample for each row of `taps`, is ``taps @ input[i * step : i * step + length]``."""

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
    """Filters both axes of ``(bands, rows, cols)``; as many groups come out as fit into the image without any border.

    The axis order is the cheaper one: a filter that shrinks comes first on the rows, one that enlarges last.
    """
    if len(rows.taps) > rows.step:
        return _along_rows(_along_cols(image, cols), rows)
    return _along_cols(_along_rows(image, rows), cols)


def _along_cols(image: Tensor, kernel: Filter) -> Tensor:
    return _along_rows(image.mT.contiguous(), kernel).mT.contiguous()


def _along_rows(image: Tensor, kernel: Filter) -> Tensor:
    bands, size, cols = image.shape
    groups, samples = (size - kernel.length) // kernel.step + 1, len(kernel.taps)
    strips = -(-groups // STRIP)
    matrix = _matrix(kernel, image.dtype).to(image.device)
    image = _padded(image, kernel.span(strips * STRIP), max(cols, _SHORTEST))
    layout = image.stride(0), STRIP * kernel.step * image.stride(1), image.stride(1), 1
    pieces = image.as_strided(
        (bands, strips, matrix.shape[1], image.shape[2]), layout, image.storage_offset()
    )
    output = image.new_empty(bands, strips, STRIP * samples, image.shape[2])
    for band in range(bands):
        torch.bmm(matrix.expand(strips, -1, -1), pieces[band], out=output[band])
    return output.flatten(1, 2)[:, : groups * samples, :cols]


def _padded(image: Tensor, rows: int, cols: int) -> Tensor:
    """Fills up with zeros, which no wanted sample meets; makes the columns contiguous."""
    if rows > image.shape[1] or cols > image.shape[2]:
        return torch.nn.functional.pad(
            image, (0, cols - image.shape[2], 0, max(rows - image.shape[1], 0))
        )
    return image if image.stride(2) == 1 else image.contiguous()


@lru_cache(maxsize=128)
def _matrix(kernel: Filter, dtype: torch.dtype) -> Tensor:
    taps = np.array(kernel.taps)
    matrix = np.zeros((STRIP, len(taps), kernel.span(STRIP)))
    for group in range(STRIP):
        matrix[group, :, group * kernel.step : group * kernel.step + kernel.length] = taps
    return torch.from_numpy(matrix.reshape(STRIP * len(taps), -1)).to(dtype)
