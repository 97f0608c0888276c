"""The canvas of a landscape: reflectance in every channel, height, and where trees may grow.

Lengths are metres. Positions are relative to the middle of the canvas: v grows with the rows, u
with the columns. Edges are antialiased by the exact coverage of a pixel, so that thin lines keep
their width in energy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.texture import AnyFloats, FloatArray, Random, fractal

__all__ = ["Canvas", "Frame", "Half", "Index", "Stamp", "coverage", "stripes"]

Half = tuple[float, float]
"""Half the size of a rectangle in metres, down and along its frame."""
Index = tuple[slice, slice] | tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Pixels of the canvas: a rectangle, or a list of rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A rotated system of axes."""

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
        return float(self.v + u * sin + v * cos), float(self.u + u * cos - v * sin)

    def from_canvas(self, v: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the positions (v, u) in the frame of canvas positions."""
        cos = np.float32(math.cos(self.angle))
        sin = np.float32(math.sin(self.angle))
        down = v - self.v
        right = u - self.u
        return down * cos - right * sin, right * cos + down * sin

    def at(self, v: float, u: float, angle: float = 0.0) -> "Frame":
        """Returns a frame with its origin at a position of this one, turned by `angle`."""
        row, col = self.to_canvas(v, u)
        return Frame(v=row, u=col, angle=self.angle + angle)

    def turned(self) -> "Frame":
        """Returns the frame turned by a right angle."""
        return self.at(0, 0, np.pi / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Some pixels of a canvas, with their positions in a frame and their cover."""

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

    def covered(self, cover: AnyFloats) -> "Stamp":
        """Returns the same pixels with another cover."""
        return replace(self, cover=np.asarray(cover, dtype=np.float32))

    def masked(self, share: AnyFloats) -> "Stamp":
        """Returns the same pixels with a share, 0..1, of their cover."""
        return self.covered(self.cover * share)


def coverage(position: AnyFloats, half: float | AnyFloats, grain: float) -> FloatArray:
    """Returns the share of a pixel of width `grain`, at `position`, that is within `half` of 0."""
    scaled = position / grain
    reach = np.asarray(half, dtype=np.float32) / grain
    low = np.maximum(scaled - 0.5, -reach)
    high = np.minimum(scaled + 0.5, reach)
    return np.asarray(np.maximum(high - low, 0), dtype=np.float32)


def stripes(position: AnyFloats, period: float, half: float, grain: float) -> FloatArray:
    """Returns the `coverage` of stripes that repeat every `period` metres."""
    return coverage(np.mod(position, period) - (period / 2), half, grain)


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
        shape = (size, size)
        channels = len(next(iter(palette.values())))
        self.reflectance = np.zeros((channels, *shape), dtype=np.float32)
        self.height = np.zeros(shape, dtype=np.float32)
        self.trees = np.zeros(shape, dtype=np.float32)
        self.fine = fractal(rng, shape, 3.2 / grain, 3)
        """Texture of clumps of grass, clods and gravel, of variance 1."""
        self.patches = fractal(rng, shape, 42 / grain, 5)
        """Texture of moister and poorer ground, of variance 1."""

    @property
    def extent(self) -> float:
        """Width of the canvas in metres."""
        return self.size * self.grain

    def positions(self) -> tuple[FloatArray, FloatArray]:
        """Returns the pixel centres (v, u) in metres, ``(rows, 1)`` and ``(1, cols)``."""
        centres = np.arange(self.size, dtype=np.float32) + 0.5
        axis = centres * self.grain - (self.extent / 2)
        axis = axis.astype(np.float32)
        return axis[:, None], axis[None, :]

    def box(self, frame: Frame, half_v: float, half_u: float) -> Stamp:
        """Returns the rectangle around the frame's origin."""
        cos = abs(math.cos(frame.angle))
        sin = abs(math.sin(frame.angle))
        rows = self._span(frame.v, half_v * cos + half_u * sin)
        cols = self._span(frame.u, half_u * cos + half_v * sin)
        axis_v, axis_u = self.positions()
        v, u = frame.from_canvas(axis_v[rows], axis_u[:, cols])
        cover = coverage(v, half_v, self.grain) * coverage(u, half_u, self.grain)
        return Stamp(index=(rows, cols), v=v, u=u, cover=cover)

    def disc(self, frame: Frame, radius: float) -> Stamp:
        """Returns the disc around the frame's origin."""
        square = self.box(frame, radius, radius)
        distance = np.hypot(square.v, square.u)
        return square.covered(np.clip((radius - distance) / self.grain + 0.5, 0, 1))

    def pixels(self, v: FloatArray, u: FloatArray, cover: FloatArray) -> Stamp:
        """Returns the covered pixels of a whole canvas of positions and covers."""
        rows, cols = np.nonzero(cover > 0)
        return Stamp(index=(rows, cols), v=v[rows, cols], u=u[rows, cols], cover=cover[rows, cols])

    def _span(self, centre: float, half: float) -> slice:
        middle = self.size / 2 + centre / self.grain
        reach = half / self.grain + 1
        start = max(int(middle - reach), 0)
        stop = min(max(math.ceil(middle + reach), 0), self.size)
        return slice(start, max(start, stop))

    def paint(
        self,
        stamp: Stamp,
        material: str,
        shade: float | AnyFloats = 1.0,
        opacity: float | AnyFloats = 1.0,
    ) -> None:
        """Covers the stamp's pixels with a material.

        Args:
            stamp: The pixels.
            material: Name in the palette.
            shade: Factor on the material's reflectance.
            opacity: Factor on the stamp's cover.
        """
        rows, cols = stamp.index
        cover = stamp.cover * np.asarray(opacity, dtype=np.float32)
        colour = self.palette[material].reshape((-1,) + (1,) * cover.ndim)
        colour = colour * np.asarray(shade, dtype=np.float32)
        ground = self.reflectance[:, rows, cols]
        self.reflectance[:, rows, cols] = ground + (colour - ground) * cover

    def build(self, stamp: Stamp, height: float | AnyFloats) -> None:
        """Sets the height in metres of the stamp's pixels; half-covered ones get half of it."""
        rows, cols = stamp.index
        below = self.height[rows, cols]
        above = np.asarray(height, dtype=np.float32)
        self.height[rows, cols] = below + (above - below) * stamp.cover

    def plant(self, stamp: Stamp, density: float | AnyFloats) -> None:
        """Sets how likely a tree is to grow, 0..1, where at least half of a pixel is covered."""
        rows, cols = stamp.index
        wanted = np.asarray(density, dtype=np.float32)
        self.trees[rows, cols] = np.where(stamp.cover >= 0.5, wanted, self.trees[rows, cols])

    def pave(
        self, stamp: Stamp, material: str, *, fine: float, patches: float = 0.0, trees: float = 0.0
    ) -> None:
        """Covers the stamp's pixels with textured ground where trees are `trees` dense."""
        self.paint(stamp, material, self.texture(stamp, fine=fine, patches=patches))
        self.plant(stamp, trees)

    def texture(self, stamp: Stamp, *, fine: float = 0.0, patches: float = 0.0) -> FloatArray:
        """Returns a shade for `paint` from both textures, with the given standard deviations."""
        rows, cols = stamp.index
        grained = 1 + fine * self.fine[rows, cols]
        shade = grained + patches * self.patches[rows, cols]
        return np.maximum(shade, 0.2)
