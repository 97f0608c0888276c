"""Taps along one axis: cubic and Lagrange interpolation."""

import math
import operator
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MS_HALO", "cubic", "lagrange", "reduction_taps"]

MS_HALO = 10
"""MS pixels around a window that its interpolation to the PAN grid needs."""

Array = npt.NDArray[np.float64]
Points = TypeVar("Points", float, Array, "Tensor")


def cubic(x: Array) -> Array:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    square = x * x
    cube = square * x
    inner = 1.5 * cube - 2.5 * square + 1
    outer = -0.5 * cube + 2.5 * square - 4 * x + 2
    beyond_one = np.where(x <= 2, outer, 0.0)
    return np.where(x <= 1, inner, beyond_one)


def reduction_taps(ratio: float, centre: float) -> tuple[int, Array]:
    """Returns the first pixel and the taps of imresize's antialiased cubic, not normalised."""
    reach = math.ceil(2 * ratio)
    first = math.floor(centre) - reach
    pixels = np.arange(2 * reach + 2) + first
    distance: Array = np.subtract(pixels, centre, dtype=np.float64)
    return first, cubic(distance / ratio)


def lagrange(fraction: Points, taps: int) -> list[Points]:
    """Returns the weight of each of `taps` samples, an even number, in the polynomial through all.

    `fraction` is the position between the middle two samples, 0..1.
    """
    half = taps // 2
    nodes = range(1 - half, half + 1)
    weights = []
    for node in nodes:
        others = [other for other in nodes if other != node]
        product = reduce(operator.mul, [fraction - other for other in others])
        at_node = math.prod(node - other for other in others)
        weights.append(product / at_node)
    return weights
