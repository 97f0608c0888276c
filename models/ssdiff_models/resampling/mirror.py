"""Indices beyond an image's borders."""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["mirrored"]

Index = TypeVar("Index", "Tensor", npt.NDArray[np.int64])


def mirrored(index: Index, size: int) -> Index:
    """Maps indices to ``0 .. size - 1``: mirrored at the edges, which are repeated."""
    period = 2 * size
    last = period - 1
    wrapped = index % period
    beside_middle = abs(2 * wrapped - last)
    return (last - beside_middle) // 2
