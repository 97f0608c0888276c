"""Plausible values for invalid pixels, from valid ones within a fixed distance.

Normalised convolution on a ladder of scales: each rung spreads values and weights with a binomial kernel twice as wide as
the last; the finest rung that reaches a pixel decides, the scene mean takes over beyond the coarsest. All sums run in a
fixed order over absolute neighbours, so a filled pixel does not depend on the window that holds it.
"""

import numpy as np

from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["fill_invalid", "fill_margin"]

_SOFTNESS = np.float32(1e-3)
"""Weight of the coarser rung against the finer one: small, so that near valid pixels only these count."""


def fill_margin(rungs: int) -> int:
    """Returns how far, in pixels, `fill_invalid` looks."""
    return (1 << rungs) - 1


def fill_invalid(values: FloatArray, valid: BoolArray, means: FloatArray, rungs: int) -> FloatArray:
    """Returns `values` with invalid pixels filled.

    Args:
        values: ``(bands, rows, cols)``; what invalid pixels hold does not matter, NaN included.
        valid: ``(rows, cols)``.
        means: ``(bands,)`` the values far from any valid pixel.
        rungs: Number of scales; a pixel takes values from at most ``fill_margin(rungs)`` pixels away.
    """
    if valid.all():
        return values
    weight = valid[None].astype(np.float32)
    weighted = np.where(valid[None], values, np.float32(0))
    ladder = []
    for rung in range(rungs):
        weighted, weight = _spread(weighted, 2**rung), _spread(weight, 2**rung)
        ladder.append((weighted, weight))
    filled = np.broadcast_to(means[:, None, None], values.shape).astype(np.float32)
    for weighted, weight in reversed(ladder):
        filled = (weighted + _SOFTNESS * filled) / (weight + _SOFTNESS)
    return np.where(valid[None], values, filled)


def _spread(array: FloatArray, step: int) -> FloatArray:
    """Convolves the last two axes with ``[1, 2, 1] / 4`` dilated by `step`; zero beyond the border."""
    for axis in (1, 2):
        out = array * np.float32(0.5)
        size = array.shape[axis]
        if size > step:
            low = (slice(None),) * axis + (slice(0, size - step),)
            high = (slice(None),) * axis + (slice(step, size),)
            quarter = array * np.float32(0.25)
            # The two neighbours are added in the same order everywhere: first the earlier, then the later one.
            out[high] += quarter[low]
            out[low] += quarter[high]
        array = out
    return array
