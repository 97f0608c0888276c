"""Random fields with the clumped look of ground and foliage: value noise on cubic B-splines."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.chance import Random

__all__ = ["AnyFloats", "FloatArray", "Values", "floats", "fractal", "smooth"]

AnyFloats = npt.NDArray[np.floating[Any]]
FloatArray = npt.NDArray[np.float32]
Values = float | AnyFloats

_DEVIATION = np.float32(0.479)
"""Variance of white noise that a cubic B-spline keeps on each axis."""


def floats(values: Values) -> FloatArray:
    """Returns the values in the precision of every picture."""
    return np.asarray(values, dtype=np.float32)


def smooth(rng: Random, shape: tuple[int, int], scale: float) -> FloatArray:
    """Returns a field ``(rows, cols)`` of mean 0 and variance near 1.

    Its features are about `scale` pixels wide.
    """
    height, width = shape
    rows, row_weights = _spline(height, scale)
    cols, col_weights = _spline(width, scale)
    knots_down = int(rows.max()) + 4
    knots_along = int(cols.max()) + 4
    grid = rng.standard_normal((knots_down, knots_along), dtype=np.float32)
    tall = np.zeros((height, knots_along), np.float32)
    field = np.zeros(shape, np.float32)
    for tap in range(4):
        weights = row_weights[tap]
        tall += grid[rows + tap] * weights[:, None]
    for tap in range(4):
        field += tall[:, cols + tap] * col_weights[tap]
    return field / _DEVIATION


def _spline(size: int, scale: float) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Returns the first of four knots of each pixel, and the weights ``(4, size)`` of the four."""
    position = np.arange(size) / max(scale, 1.0)
    first = np.floor(position).astype(np.intp)
    t = position - first
    square = t**2
    cube = t**3
    before = (1 - t) ** 3
    second = 3 * cube - 6 * square + 4
    third = -3 * cube + 3 * square + 3 * t + 1
    weights = np.stack([before, second, third, cube])
    return first, floats(weights / 6)


def fractal(rng: Random, shape: tuple[int, int], scale: float, octaves: int) -> FloatArray:
    """Returns a field of variance near 1: octaves from `scale` pixels downwards.

    Each is half as wide and 0.6 times as strong as the one before.
    """
    gains = 0.6 ** np.arange(octaves)
    power = (gains**2).sum()
    gains = gains / np.sqrt(power)
    total = np.zeros(shape, np.float32)
    for octave, gain in enumerate(gains):
        field = smooth(rng, shape, scale / 2**octave)
        total += field * np.float32(gain)
    return total
