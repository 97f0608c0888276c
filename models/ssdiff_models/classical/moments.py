"""Sums that classical methods take over a scene, in double precision, and what follows from them.

Blocks of a fixed lattice are summed each on its own and the sums are added in row-major order, so
that they are the same bits for any block size, area of interest, thread count and resume point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models.errors import InputError

__all__ = [
    "Array",
    "Moments",
    "Statistics",
    "gram",
    "matched_floors",
    "nonnegative_least_squares",
    "quotient",
]

Array = npt.NDArray[np.float64]
_CHUNK = 64
"""Rows that are converted to double precision at a time."""


def gram(features: Tensor, valid: Tensor | None) -> Array:
    """Returns sums of products of 1 and each feature over the valid pixels, ``(1 + n, 1 + n)``.

    Args:
        features: ``(n, rows, cols)``.
        valid: Bool ``(rows, cols)``, or None.
    """
    total = np.zeros((len(features) + 1,) * 2)
    for start in range(0, features.shape[1], _CHUNK):
        part = features[:, start : start + _CHUNK].double()
        part = torch.cat([torch.ones_like(part[:1]), part])
        if valid is not None:
            part = part * valid[start : start + _CHUNK]
        rows = part.transpose(0, 1)
        # One product a row, added in order: BLAS would split a long sum among threads.
        total += torch.bmm(rows, rows.mT).numpy().sum(0)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Everything additive that a method gathers, and minima."""

    sums: dict[str, Array] = field(default_factory=dict)
    """Named sums: Gram matrices and histograms."""
    minima: Array | None = None
    """Smallest valid value of each band of the interpolated MS."""

    def merged(self, other: "Statistics") -> "Statistics":
        """Returns the statistics of both."""
        sums = dict(self.sums)
        for name, value in other.sums.items():
            sums[name] = sums[name] + value if name in sums else value
        return Statistics(sums=sums, minima=_smaller(self.minima, other.minima))

    def moments(self, name: str) -> "Moments":
        """Returns the moments behind a Gram matrix.

        Raises:
            InputError: When fewer than two valid pixels went into it.
        """
        matrix = self.sums.get(name)
        if matrix is None or matrix[0, 0] < 2:
            raise InputError(
                "the scene has no two valid pixels: nothing to take a method's statistics from"
            )
        return Moments(matrix)


def _smaller(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None:
        return second if first is None else first
    return np.minimum(first, second)


class Moments:
    """Means, covariances and regressions from a Gram matrix; features are counted from 0."""

    def __init__(self, matrix: Array) -> None:
        """Takes the matrix of `gram`."""
        self._products: Array = matrix[1:, 1:]
        self.count = float(matrix[0, 0])
        self.mean: Array = matrix[0, 1:] / self.count
        squares = np.outer(self.mean, self.mean)
        centred = self._products - self.count * squares
        self.cov: Array = centred / (self.count - 1)
        """Covariances with N - 1."""

    @property
    def std(self) -> Array:
        """Standard deviations with N - 1."""
        return np.sqrt(np.maximum(np.diag(self.cov), 0))

    def regress(self, target: int, features: list[int]) -> tuple[Array, float]:
        """Fits one feature by others and a constant; returns weights and constant."""
        matrix = self.cov[np.ix_(features, features)]
        weights = _solve(matrix, self.cov[features, target])
        explained = weights @ self.mean[features]
        return weights, float(self.mean[target] - explained)

    def regress_through_zero(self, target: int, features: list[int]) -> Array:
        """Returns the weights of the least-squares fit without a constant."""
        matrix = self._products[np.ix_(features, features)]
        return _solve(matrix, self._products[features, target])

    def products(self, first: list[int], second: list[int]) -> Array:
        """Returns sums of products of features, ``(len(first), len(second))``."""
        return self._products[np.ix_(first, second)]


def quotient(above: Array, below: Array) -> Array:
    """Returns ``above / below``, 0 where `below` is not positive."""
    positive = below > 0
    divisor = np.where(positive, below, 1.0)
    result: Array = np.where(positive, above / divisor, 0.0)
    return result


def matched_floors(
    bands: Sequence[tuple[float, float]], *, pan: tuple[float, float]
) -> tuple[float, ...]:
    """Returns the DN of each band that become 0 when it takes the PAN's mean and deviation.

    Args:
        bands: Mean and standard deviation of each band, DN.
        pan: Those of the PAN.
    """
    lowest = float(np.finfo(np.float32).min)
    if not pan[1] > 0:
        return (lowest,) * len(bands)
    return tuple(max(mean - pan[0] * std / pan[1], lowest) for mean, std in bands)


def _solve(matrix: Array, target: Array) -> Array:
    """Solves normal equations of features of unit size; the smallest solution if dependent."""
    scale = np.sqrt(np.diag(matrix))
    scale = np.where(scale > 0, scale, 1.0)
    scales = np.outer(scale, scale)
    solution = np.linalg.lstsq(matrix / scales, target / scale, rcond=1e-13)[0]
    weights: Array = solution / scale
    return weights


def nonnegative_least_squares(matrix: Array, target: Array) -> Array:
    """Minimises ``x' matrix x / 2 - target' x`` over x >= 0.

    This is the active-set method of Lawson and Hanson.
    """
    size = len(target)
    free = np.zeros(size, dtype=bool)
    x = np.zeros(size)
    tolerance = 1e-12 * max(float(np.abs(target).max()), 1e-300)
    for _ in range(3 * size):
        gradient = np.where(free, -np.inf, target - matrix @ x)
        entering = int(np.argmax(gradient))
        if gradient[entering] <= tolerance:
            break
        free[entering] = True
        x = _inside(matrix, target, x, free)
    return x


def _inside(matrix: Array, target: Array, x: Array, free: npt.NDArray[np.bool_]) -> Array:
    """Moves to the optimum of the free variables; those that would turn negative are given up."""
    while free.any():
        wanted = np.zeros_like(x)
        reduced = matrix[np.ix_(free, free)]
        wanted[free] = _solve(reduced, target[free])
        blocked = free & (wanted <= 0)
        if not blocked.any():
            return wanted
        change = x[blocked] - wanted[blocked]
        step = float(np.min(x[blocked] / change))
        x = x + step * (wanted - x)
        smallest = 1e-15 * max(1.0, float(np.abs(x).max()))
        free &= ~(blocked & (x <= smallest))
        x[~free] = 0.0
    return x
