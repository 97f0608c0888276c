"""Random fields with the clumped look of ground and foliage: value noise on cubic B-splines."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["AnyFloats", "FloatArray", "Random", "fractal", "smooth"]

AnyFloats = npt.NDArray[np.floating[Any]]
FloatArray = npt.NDArray[np.float32]
Random = np.random.Generator

_DEVIATION = np.float32(0.479)
"""Variance of white noise that a cubic B-spline keeps on each axis."""


def smooth(rng: Random, shape: tuple[int, int], scale: float) -> FloatArray:
    """Returns a field ``(rows, cols)`` of mean 0 and variance near 1.

    Its features are about `scale` pixels wide.
    """
    rows, row_weights = _spline(shape[0], scale)
    cols, col_weights = _spline(shape[1], scale)
    size = (int(rows.max()) + 4, int(cols.max()) + 4)
    grid = rng.standard_normal(size, dtype=np.float32)
    tall = np.zeros((shape[0], size[1]), np.float32)
    field = np.zeros(shape, np.float32)
    for tap in range(4):
        tall += grid[rows + tap] * row_weights[tap][:, None]
    for tap in range(4):
        field += tall[:, cols + tap] * col_weights[tap]
    return field / _DEVIATION


def _spline(size: int, scale: float) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Returns the first of four knots of each pixel, and the weights ``(4, size)`` of the four."""
    position = np.arange(size) / max(scale, 1.0)
    first = np.floor(position).astype(np.intp)
    t = position - first
    second = 3 * t**3 - 6 * t**2 + 4
    third = -3 * t**3 + 3 * t**2 + 3 * t + 1
    weights = np.stack([(1 - t) ** 3, second, third, t**3]) / 6
    return first, weights.astype(np.float32)


def fractal(rng: Random, shape: tuple[int, int], scale: float, octaves: int) -> FloatArray:
    """Returns a field of variance near 1: octaves from `scale` pixels downwards.

    Each is half as wide and 0.6 times as strong as the one before.
    """
    gains = 0.6 ** np.arange(octaves)
    gains = gains / np.sqrt((gains**2).sum())
    total = np.zeros(shape, np.float32)
    for octave, gain in enumerate(gains):
        total += smooth(rng, shape, scale / 2**octave) * np.float32(gain)
    return total
