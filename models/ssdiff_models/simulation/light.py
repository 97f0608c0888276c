"""Sunlight on a height field: slopes that face the sun or turn away from it, and cast shadows."""

import math
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.texture import FloatArray

__all__ = ["Sun", "direct_light"]

_WALL = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """Where the light comes from."""

    azimuth: float = math.radians(152)
    """Clockwise from the top of the picture, in radians."""
    elevation: float = math.radians(47)
    """Above the horizon, in radians."""


def direct_light(height: FloatArray, grain: float, sun: Sun) -> FloatArray:
    """Returns the direct sunlight of each pixel, 1 on flat open ground, 0 in full shadow.

    Args:
        height: ``(rows, cols)`` in metres.
        grain: Width of a pixel in metres.
        sun: The sun.
    """
    lit = _incidence(height, grain, sun) * (1 - _shadow(height, grain, sun))
    return np.asarray(lit, dtype=np.float32)


def _incidence(height: FloatArray, grain: float, sun: Sun) -> FloatArray:
    down, right = np.gradient(height, np.float32(grain))
    steep = np.hypot(down, right)
    # A wall fills no pixel of a picture taken from above: what is steeper than any roof, on either side, is lit as flat ground.
    fade = 1 / (
        1 + (np.maximum(_cliff(height, 0), _cliff(height, 1)) / np.float32(_WALL * grain)) ** 6
    )
    tangent = math.tan(sun.elevation)
    towards = (
        np.float32(math.sin(sun.azimuth) / tangent) * right
        - np.float32(math.cos(sun.azimuth) / tangent) * down
    )
    facing = (1 - towards * fade) / np.sqrt(1 + (steep * fade) ** 2)
    return np.asarray(np.clip(facing, 0.05, 1.7), dtype=np.float32)


def _cliff(height: FloatArray, axis: int) -> FloatArray:
    """Returns the larger step from each pixel to its two neighbours on an axis, in metres."""
    step = np.abs(np.diff(height, axis=axis))
    edge = [(0, 0), (0, 0)]
    edge[axis] = (1, 0)
    before = np.pad(step, edge)
    edge[axis] = (0, 1)
    return np.asarray(np.maximum(before, np.pad(step, edge)), dtype=np.float32)


def _shadow(height: FloatArray, grain: float, sun: Sun) -> FloatArray:
    """Marches towards the sun pixel by pixel and keeps the highest obstacle above the ray."""
    step_row, step_col = -math.cos(sun.azimuth), math.sin(sun.azimuth)
    longest = max(abs(step_row), abs(step_col))
    step_row, step_col = step_row / longest, step_col / longest
    drop = grain * math.hypot(step_row, step_col) * math.tan(sun.elevation)
    reach = min(int(float(height.max()) / drop) + 1, max(height.shape))
    padded = np.pad(height, reach + 1)
    ridge = np.zeros_like(height)
    for k in range(1, reach + 1):
        np.maximum(
            ridge,
            _shifted(padded, height.shape, reach + 1 + k * step_row, reach + 1 + k * step_col)
            - np.float32(k * drop),
            out=ridge,
        )
    return np.asarray(np.clip((ridge - height) / np.float32(0.8 * drop), 0, 1), dtype=np.float32)


def _shifted(padded: FloatArray, shape: tuple[int, ...], row: float, col: float) -> FloatArray:
    """Reads a window at a position that is fractional on one axis at most."""
    top, left = math.floor(row), math.floor(col)
    down, right = np.float32(row - top), np.float32(col - left)
    here = padded[top : top + shape[0], left : left + shape[1]]
    if down > right:
        return np.asarray(
            here * (1 - down) + padded[top + 1 : top + 1 + shape[0], left : left + shape[1]] * down,
            dtype=np.float32,
        )
    return np.asarray(
        here * (1 - right) + padded[top : top + shape[0], left + 1 : left + 1 + shape[1]] * right,
        dtype=np.float32,
    )
