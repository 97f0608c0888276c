"""Random fields with the smooth, clumped look of ground and foliage: value noise on cubic B-splines."""

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "fractal", "smooth"]

FloatArray = npt.NDArray[np.float32]


def smooth(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> FloatArray:
    """Returns a field ``(rows, cols)`` of mean 0 and variance near 1 whose features are about `scale` pixels wide."""
    rows, row_weights = _spline(shape[0], scale)
    cols, col_weights = _spline(shape[1], scale)
    grid = rng.standard_normal((int(rows.max()) + 4, int(cols.max()) + 4), dtype=np.float32)
    tall = np.zeros((shape[0], grid.shape[1]), np.float32)
    field = np.zeros(shape, np.float32)
    for tap in range(4):
        tall += grid[rows + tap] * row_weights[tap][:, None]
    for tap in range(4):
        field += tall[:, cols + tap] * col_weights[tap]
    # A cubic B-spline keeps about 0.479 of white noise's variance on each axis.
    return field / np.float32(0.479)


def _spline(size: int, scale: float) -> tuple[npt.NDArray[np.intp], FloatArray]:
    position = np.arange(size) / max(scale, 1.0)
    first = np.floor(position).astype(np.intp)
    t = position - first
    weights = (
        np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3])
        / 6
    )
    return first, weights.astype(np.float32)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int
) -> FloatArray:
    """Returns a field of variance near 1: octaves from `scale` pixels downwards, each half as wide and 0.6 times as strong."""
    gains = 0.6 ** np.arange(octaves)
    total = np.zeros(shape, np.float32)
    for k, gain in enumerate(gains / np.sqrt((gains**2).sum())):
        total += smooth(rng, shape, scale / 2**k) * np.float32(gain)
    return total
