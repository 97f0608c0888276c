"""The canvas of a landscape: reflectance in every channel, height, and where trees may grow.

Lengths are metres. Positions are relative to the middle of the canvas: v grows with the rows, u
with the columns. Edges are antialiased by the exact coverage of a pixel, so that thin lines keep
their width in energy.

What draws a thing takes a frame `at` its middle, and half its size in metres: `half_v` down the
frame, `half_u` along it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.chance import Random
from ssdiff_models.simulation.texture import AnyFloats, FloatArray, Values, floats, fractal

__all__ = ["RIGHT_ANGLE", "Canvas", "Frame", "Stamp", "coverage", "inside", "wave"]

RIGHT_ANGLE = math.pi / 2
Index = tuple[slice, slice] | tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Pixels of the canvas: a rectangle, or a list of rows and columns."""


def coverage(position: AnyFloats, half: Values, grain: float) -> FloatArray:
    """Returns the share of a pixel of width `grain`, at `position`, that is within `half` of 0."""
    scaled = position / grain
    reach = floats(half) / grain
    low = np.maximum(scaled - 0.5, -reach)
    high = np.minimum(scaled + 0.5, reach)
    overlap = high - low
    return floats(np.maximum(overlap, 0))


def inside(distance: AnyFloats, reach: Values, blur: float) -> FloatArray:
    """Returns 1 where a distance is below `reach`, 0 where it is above, a ramp `blur` wide."""
    depth = (reach - distance) / blur
    return floats(np.clip(depth + 0.5, 0, 1))


def wave(position: AnyFloats, period: float) -> FloatArray:
    """Returns a sine, -1..1, that repeats every `period` metres."""
    rate = 2 * np.pi / period
    return floats(np.sin(rate * position))


class Canvas:
    """A landscape in the making. What lies off it is an empty stamp, which draws nothing."""

    def __init__(
        self, *, size: int, grain: float, palette: Mapping[str, FloatArray], rng: Random
    ) -> None:
        """Makes a bare canvas.

        Args:
            size: Rows and columns, in pixels.
            grain: Width of a pixel in metres.
            palette: Reflectance ``(channels,)`` of each material.
            rng: Source of the canvas' textures.
        """
        self.grain = grain
        self.size = size
        self.palette = palette
        self.shape = (size, size)
        colour = next(iter(palette.values()))
        channels = len(colour)
        self.reflectance = np.zeros((channels, size, size), np.float32)
        self.height = np.zeros(self.shape, np.float32)
        self.trees = np.zeros(self.shape, np.float32)
        self.fine = fractal(rng, self.shape, 3.2 / grain, 3)
        """Texture of clumps of grass, clods and gravel, of variance 1."""
        self.patches = fractal(rng, self.shape, 42 / grain, 5)
        """Texture of moister and poorer ground, of variance 1."""

    @property
    def extent(self) -> float:
        """Width of the canvas in metres."""
        return self.size * self.grain

    def positions(self) -> tuple[FloatArray, FloatArray]:
        """Returns the pixel centres (v, u) in metres, ``(rows, 1)`` and ``(1, cols)``."""
        pixels = np.arange(self.size, dtype=np.float32)
        centres = (pixels + 0.5) * self.grain
        axis = floats(centres - self.extent / 2)
        return axis[:, None], axis[None, :]

    def pixels(self, v: FloatArray, u: FloatArray, cover: FloatArray) -> "Stamp":
        """Returns the covered pixels of a whole canvas of positions and covers."""
        rows, cols = np.nonzero(cover > 0)
        index = (rows, cols)
        return Stamp(self, index, v[index], u[index], cover[index])

    def span(self, centre: float, half: float) -> slice:
        """Returns the pixels, on either axis, within `half` metres of a position."""
        middle = self.size / 2 + centre / self.grain
        reach = half / self.grain + 1
        start = max(int(middle - reach), 0)
        end = max(math.ceil(middle + reach), 0)
        stop = min(end, self.size)
        return slice(start, max(start, stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A rotated system of axes on a canvas."""

    canvas: Canvas
    v: float = 0.0
    """Position of the origin, in metres down from the middle of the canvas."""
    u: float = 0.0
    """Position of the origin, in metres right of the middle of the canvas."""
    angle: float = 0.0
    """Angle from the canvas' u axis to the frame's, in radians, towards v."""

    def to_canvas(self, v: float, u: float) -> tuple[float, float]:
        """Returns the canvas position (v, u) of a position in the frame."""
        cos = math.cos(self.angle)
        sin = math.sin(self.angle)
        row = self.v + u * sin + v * cos
        col = self.u + u * cos - v * sin
        return float(row), float(col)

    def from_canvas(self, v: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the positions (v, u) in the frame of canvas positions."""
        cos = np.float32(math.cos(self.angle))
        sin = np.float32(math.sin(self.angle))
        down = v - self.v
        right = u - self.u
        local_v = down * cos - right * sin
        local_u = right * cos + down * sin
        return local_v, local_u

    def at(self, v: float, u: float) -> "Frame":
        """Returns a frame with its origin at a position of this one."""
        row, col = self.to_canvas(v, u)
        return replace(self, v=row, u=col)

    def down(self, v: float) -> "Frame":
        """Returns the frame moved down its v axis."""
        return self.at(v, 0)

    def along(self, u: float) -> "Frame":
        """Returns the frame moved along its u axis."""
        return self.at(0, u)

    def turned(self, angle: float = RIGHT_ANGLE) -> "Frame":
        """Returns the frame turned around its origin, by a right angle unless told otherwise."""
        return replace(self, angle=self.angle + angle)

    def box(self, half_v: float, half_u: float) -> "Stamp":
        """Returns the rectangle around the origin."""
        canvas = self.canvas
        cos = abs(math.cos(self.angle))
        sin = abs(math.sin(self.angle))
        reach_v = half_v * cos + half_u * sin
        reach_u = half_u * cos + half_v * sin
        rows = canvas.span(self.v, reach_v)
        cols = canvas.span(self.u, reach_u)
        axis_v, axis_u = canvas.positions()
        v, u = self.from_canvas(axis_v[rows], axis_u[:, cols])
        cover_v = coverage(v, half_v, canvas.grain)
        cover = cover_v * coverage(u, half_u, canvas.grain)
        return Stamp(canvas, (rows, cols), v, u, cover)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Some pixels of a canvas, with their positions in a frame and their cover."""

    canvas: Canvas
    index: Index
    """The pixels."""
    v: FloatArray
    """Their positions down the frame, in metres."""
    u: FloatArray
    """Their positions along the frame, in metres."""
    cover: FloatArray
    """The covered share of each pixel, 0..1."""

    @property
    def empty(self) -> bool:
        """Whether it lies off the canvas."""
        return self.cover.size == 0

    @property
    def distance(self) -> FloatArray:
        """Distance of each pixel from the frame's origin, in metres."""
        return np.hypot(self.v, self.u)

    @property
    def fine(self) -> FloatArray:
        """The canvas' fine texture at the pixels."""
        return self.canvas.fine[self.index]

    @property
    def patches(self) -> FloatArray:
        """The canvas' patchy texture at the pixels."""
        return self.canvas.patches[self.index]

    def covered(self, cover: AnyFloats) -> "Stamp":
        """Returns the same pixels with another cover."""
        return replace(self, cover=floats(cover))

    def masked(self, share: AnyFloats) -> "Stamp":
        """Returns the same pixels with a share, 0..1, of their cover."""
        return self.covered(self.cover * share)

    def share(self, position: AnyFloats, half: Values) -> FloatArray:
        """Returns the share of each pixel, at `position`, that is within `half` metres of 0."""
        return coverage(position, half, self.canvas.grain)

    def line(self, position: AnyFloats, half: float) -> "Stamp":
        """Returns the part within `half` metres of where a position is 0."""
        return self.masked(self.share(position, half))

    def stripes(self, position: AnyFloats, period: float, half: float) -> FloatArray:
        """Returns the share of each pixel within stripes that repeat every `period` metres."""
        phase = position % period
        return self.share(phase - period / 2, half)

    def paint(
        self,
        material: str,
        shade: Values = 1.0,
        opacity: Values = 1.0,
        *,
        fine: float = 0.0,
        patches: float = 0.0,
    ) -> None:
        """Covers the pixels with a material.

        Args:
            material: Name in the palette.
            shade: Factor on the material's reflectance.
            opacity: Factor on the stamp's cover.
            fine: Standard deviation of the shade's fine texture.
            patches: Standard deviation of the shade's patchy texture.
        """
        if fine or patches:
            shade = shade * self.texture(fine=fine, patches=patches)
        cover = self.cover * floats(opacity)
        channels = (-1, *(1,) * cover.ndim)
        flat = self.canvas.palette[material].reshape(channels)
        colour = flat * floats(shade)
        pixels = (slice(None), *self.index)
        reflectance = self.canvas.reflectance
        ground = reflectance[pixels]
        change = colour - ground
        reflectance[pixels] = ground + change * cover

    def build(self, height: Values) -> None:
        """Sets the pixels' height in metres; half-covered ones get half of it."""
        heights = self.canvas.height
        below = heights[self.index]
        rise = floats(height) - below
        heights[self.index] = below + rise * self.cover

    def plant(self, density: Values) -> None:
        """Sets how likely a tree is to grow, 0..1, where at least half of a pixel is covered."""
        trees = self.canvas.trees
        mostly = self.cover >= 0.5
        trees[self.index] = np.where(mostly, floats(density), trees[self.index])

    def texture(self, *, fine: float = 0.0, patches: float = 0.0) -> FloatArray:
        """Returns a shade for `paint` from both textures, with the given standard deviations."""
        grained = 1 + fine * self.fine
        shade = grained + patches * self.patches
        return np.maximum(shade, 0.2)
