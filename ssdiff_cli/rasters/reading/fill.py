"""Plausible values for invalid pixels, from valid ones within a fixed distance.

Normalised convolution on a ladder of scales: each scale spreads values and weights with a binomial
kernel twice as wide as the last; the finest scale that reaches a pixel decides, and the scene mean
does beyond the coarsest. All sums run in a fixed order over absolute neighbours, so a filled pixel
does not depend on its window.
"""

import numpy as np

from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["fill_invalid", "fill_margin"]

_SOFTNESS = np.float32(1e-3)
"""Weight of the coarser scale: small, so that near valid pixels only these count."""


def fill_margin(scales: int) -> int:
    """Returns how far, in pixels, `fill_invalid` looks."""
    return (1 << scales) - 1


def fill_invalid(
    values: FloatArray, valid: BoolArray, means: FloatArray, scales: int
) -> FloatArray:
    """Returns `values` with invalid pixels filled.

    Args:
        values: ``(bands, rows, cols)``; invalid pixels may hold anything, NaN included.
        valid: ``(rows, cols)``.
        means: ``(bands,)`` the values far from any valid pixel.
        scales: Number of scales.
    """
    if valid.all():
        return values
    weight = valid[None].astype(np.float32)
    weighted = np.where(valid[None], values, np.float32(0))
    ladder = []
    for scale in range(scales):
        weighted = _spread(weighted, 2**scale)
        weight = _spread(weight, 2**scale)
        ladder.append((weighted, weight))
    filled = np.broadcast_to(means[:, None, None], values.shape).astype(np.float32)
    for weighted, weight in reversed(ladder):
        filled = (weighted + _SOFTNESS * filled) / (weight + _SOFTNESS)
    return np.where(valid[None], values, filled)


def _spread(array: FloatArray, step: int) -> FloatArray:
    """Convolves the last two axes with ``[1, 2, 1] / 4`` dilated by `step`; zero beyond."""
    for axis in (1, 2):
        out = array * np.float32(0.5)
        size = array.shape[axis]
        if size > step:
            start = (slice(None),) * axis + (slice(0, size - step),)
            end = (slice(None),) * axis + (slice(step, size),)
            quarter = array * np.float32(0.25)
            # Everywhere first the earlier neighbour is added, then the later one.
            out[end] += quarter[start]
            out[start] += quarter[end]
        array = out
    return array
