"""Sunlight on a height field: slopes that face the sun or turn away from it, and cast shadows."""

import math
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.texture import FloatArray, floats

__all__ = ["Sun", "direct_light"]

_WALL = 2.2
"""Steps above this many metres a metre are walls: steeper than any roof."""


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
    shadow = _shadow(height, grain, sun)
    return floats(_incidence(height, grain, sun) * (1 - shadow))


def _incidence(height: FloatArray, grain: float, sun: Sun) -> FloatArray:
    down, right = np.gradient(height, np.float32(grain))
    steep = np.hypot(down, right)
    # A wall fills no pixel of a picture taken from above, so it is lit as flat ground.
    step = np.maximum(_cliff(height, 0), _cliff(height, 1))
    walls = step / np.float32(_WALL * grain)
    fade = 1 / (1 + walls**6)
    tangent = math.tan(sun.elevation)
    eastwards = math.sin(sun.azimuth) / tangent
    northwards = math.cos(sun.azimuth) / tangent
    towards = eastwards * right - northwards * down
    tilt = np.sqrt(1 + (steep * fade) ** 2)
    facing = (1 - towards * fade) / tilt
    return floats(np.clip(facing, 0.05, 1.7))


def _cliff(height: FloatArray, axis: int) -> FloatArray:
    """Returns the larger step from each pixel to its two neighbours on an axis, in metres."""
    step = abs(np.diff(height, axis=axis))
    edge = [(0, 0), (0, 0)]
    edge[axis] = (1, 0)
    before = np.pad(step, edge)
    edge[axis] = (0, 1)
    after = np.pad(step, edge)
    return floats(np.maximum(before, after))


def _shadow(height: FloatArray, grain: float, sun: Sun) -> FloatArray:
    """Marches towards the sun pixel by pixel and keeps the highest obstacle above the ray."""
    northwards = -math.cos(sun.azimuth)
    eastwards = math.sin(sun.azimuth)
    longest = max(abs(northwards), abs(eastwards))
    step_row = northwards / longest
    step_col = eastwards / longest
    stride = grain * math.hypot(step_row, step_col)
    drop = stride * math.tan(sun.elevation)
    farthest = int(float(height.max()) / drop) + 1
    reach = min(farthest, max(height.shape))
    border = reach + 1
    padded = np.pad(height, border)
    ridge = np.zeros_like(height)
    for k in range(1, border):
        row = border + k * step_row
        col = border + k * step_col
        obstacle = _shifted(padded, height.shape, row, col)
        np.maximum(ridge, obstacle - k * drop, out=ridge)
    depth = (ridge - height) / np.float32(0.8 * drop)
    return floats(np.clip(depth, 0, 1))


def _shifted(padded: FloatArray, shape: tuple[int, ...], row: float, col: float) -> FloatArray:
    """Reads a window at a position that is fractional on one axis at most."""
    top = math.floor(row)
    left = math.floor(col)
    down = np.float32(row - top)
    right = np.float32(col - left)
    share = max(down, right)
    here = _window(padded, shape, top, left)
    below = _window(padded, shape, top + 1, left)
    beside = _window(padded, shape, top, left + 1)
    after = below if down > right else beside
    return here * (1 - share) + after * share


def _window(padded: FloatArray, shape: tuple[int, ...], top: int, left: int) -> FloatArray:
    rows, cols = shape
    return padded[top : top + rows, left : left + cols]
