"""Sums of products over the interpolated MS without interpolating it.

The interpolated block is ``A m B'`` with one banded matrix for each axis, so the sum of products of two bands over its pixels is the sum
of products of ``m_j`` and ``(A'A) m_k (B'B)``: exact, at a tenth of the cost.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block
from ssdiff_models.classical.moments import Array, gram
from ssdiff_models.classical.scene_window import WindowBlock
from ssdiff_models.resampling.upsample import MS_HALO, upsample

__all__ = ["lms_gram"]

_CELL = 64
"""MS pixels of the cells that a block is cut into: the matrices are dense, so their cost grows with the side."""


def lms_gram(block: Block) -> Array:
    """Returns the Gram matrix of 1 and the interpolated MS over the valid pixels of a block."""
    if not isinstance(block, WindowBlock) or block.valid is not None:
        return gram(block.lms, block.valid)
    ratio, phase = block.geometry.ratio, block.geometry.phase
    ms = block.ms_around(MS_HALO).double()
    rows, cols = block.small
    total = np.zeros((len(ms) + 1,) * 2)
    for row in range(0, rows, _CELL):
        for col in range(0, cols, _CELL):
            down, across = min(_CELL, rows - row), min(_CELL, cols - col)
            cell = ms[:, row : row + down + 2 * MS_HALO, col : col + across + 2 * MS_HALO]
            total += _cell_gram(cell, _weights(ratio, phase, down), _weights(ratio, phase, across))
    return total


def _cell_gram(cell: Tensor, rows: Tensor, cols: Tensor) -> Array:
    ones = torch.ones_like(cell[:1])
    both = torch.cat([ones, cell])
    weighted = rows @ both @ cols
    sums: Array = torch.bmm(both.transpose(0, 1), weighted.transpose(0, 1).mT).numpy().sum(0)
    return sums


@lru_cache(maxsize=16)
def _weights(ratio: int, phase: float, size: int) -> Tensor:
    """Returns ``A'A`` of one axis, for `size` MS pixels and their halo."""
    impulses = torch.eye(size + 2 * MS_HALO, dtype=torch.float64)
    line = impulses[:, :, None].expand(-1, -1, 2 * MS_HALO + 1)
    matrix = upsample(line, ratio, phase)[:, :, 0]
    return matrix @ matrix.T
