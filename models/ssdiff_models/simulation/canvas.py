"""The canvas a landscape is painted on: reflectance in every channel, height above ground and where trees may grow.

Lengths are metres, positions are relative to the middle of the canvas: v grows with the rows, u with the columns. Edges are
antialiased by the exact coverage of a pixel, so that thin lines keep their width in energy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.texture import FloatArray, fractal

__all__ = ["Canvas", "Frame", "Index", "Stamp", "coverage"]

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
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return float(self.v + u * sin + v * cos), float(self.u + u * cos - v * sin)

    def from_canvas(self, v: FloatArray, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the positions (v, u) in the frame of canvas positions."""
        cos, sin = np.float32(math.cos(self.angle)), np.float32(math.sin(self.angle))
        dv, du = v - np.float32(self.v), u - np.float32(self.u)
        return dv * cos - du * sin, du * cos + dv * sin

    def at(self, v: float, u: float, angle: float = 0.0) -> "Frame":
        """Returns a frame with its origin at a position of this one, turned by `angle` against it."""
        row, col = self.to_canvas(v, u)
        return Frame(v=row, u=col, angle=self.angle + angle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Some pixels of a canvas, with their positions in a frame and how much of each is covered."""

    index: Index
    """The pixels."""
    v: FloatArray
    """Their positions down the frame, in metres."""
    u: FloatArray
    """Their positions along the frame, in metres."""
    cover: FloatArray
    """The covered share of each pixel, 0..1."""

    def reshaped(self, cover: FloatArray) -> "Stamp":
        """Returns the same pixels with another cover."""
        return Stamp(index=self.index, v=self.v, u=self.u, cover=cover)


def coverage(position: FloatArray, half: float | FloatArray, grain: float) -> FloatArray:
    """Returns the share of a pixel of width `grain`, centred at `position`, that lies within `half` of 0."""
    scaled = position / np.float32(grain)
    reach = np.asarray(half, dtype=np.float32) / np.float32(grain)
    low, high = (
        np.maximum(scaled - np.float32(0.5), -reach),
        np.minimum(scaled + np.float32(0.5), reach),
    )
    return np.asarray(np.maximum(high - low, 0), dtype=np.float32)


class Canvas:
    """A landscape in the making."""

    def __init__(
        self,
        *,
        size: int,
        grain: float,
        palette: Mapping[str, FloatArray],
        rng: np.random.Generator,
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
        channels = len(next(iter(palette.values())))
        self.reflectance = np.zeros((channels, size, size), dtype=np.float32)
        self.height = np.zeros((size, size), dtype=np.float32)
        self.trees = np.zeros((size, size), dtype=np.float32)
        shape = (size, size)
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
        axis = (
            (np.arange(self.size, dtype=np.float32) + np.float32(0.5)) * np.float32(self.grain)
            - np.float32(self.extent / 2)
        ).astype(np.float32)
        return axis[:, None], axis[None, :]

    def box(self, frame: Frame, half_v: float, half_u: float) -> Stamp | None:
        """Returns the rectangle around the frame's origin, or None where it lies off the canvas."""
        cos, sin = abs(math.cos(frame.angle)), abs(math.sin(frame.angle))
        rows = self._span(frame.v, half_v * cos + half_u * sin)
        cols = self._span(frame.u, half_u * cos + half_v * sin)
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return None
        axis_v, axis_u = self.positions()
        v, u = frame.from_canvas(axis_v[rows], axis_u[:, cols])
        return Stamp(
            index=(rows, cols),
            v=v,
            u=u,
            cover=coverage(v, half_v, self.grain) * coverage(u, half_u, self.grain),
        )

    def disc(self, frame: Frame, radius: float) -> Stamp | None:
        """Returns the disc around the frame's origin, or None where it lies off the canvas."""
        stamp = self.box(frame, radius, radius)
        if stamp is None:
            return None
        distance = np.hypot(stamp.v, stamp.u)
        return stamp.reshaped(
            np.clip((radius - distance) / self.grain + 0.5, 0, 1).astype(np.float32)
        )

    def pixels(self, v: FloatArray, u: FloatArray, cover: FloatArray) -> Stamp | None:
        """Returns the covered pixels of a whole canvas of positions and covers, or None where there are none."""
        index = np.nonzero(cover > 0)
        if not len(index[0]):
            return None
        return Stamp(index=(index[0], index[1]), v=v[index], u=u[index], cover=cover[index])

    def _span(self, centre: float, half: float) -> slice:
        middle = self.size / 2 + centre / self.grain
        reach = half / self.grain + 1
        return slice(max(int(middle - reach), 0), min(max(math.ceil(middle + reach), 0), self.size))

    def paint(
        self,
        stamp: Stamp | None,
        material: str,
        shade: float | FloatArray = 1.0,
        opacity: float | FloatArray = 1.0,
    ) -> None:
        """Covers the stamp's pixels with a material; nothing happens off the canvas.

        Args:
            stamp: The pixels.
            material: Name in the palette.
            shade: Factor on the material's reflectance.
            opacity: Factor on the stamp's cover.
        """
        if stamp is None:
            return
        rows, cols = stamp.index
        cover = stamp.cover * np.asarray(opacity, dtype=np.float32)
        colour = self.palette[material].reshape((-1,) + (1,) * cover.ndim) * np.asarray(
            shade, dtype=np.float32
        )
        ground = self.reflectance[:, rows, cols]
        self.reflectance[:, rows, cols] = ground + (colour - ground) * cover

    def build(self, stamp: Stamp | None, height: float | FloatArray) -> None:
        """Sets the height in metres of the stamp's pixels; half-covered ones get half of it."""
        if stamp is None:
            return
        rows, cols = stamp.index
        below = self.height[rows, cols]
        self.height[rows, cols] = (
            below + (np.asarray(height, dtype=np.float32) - below) * stamp.cover
        )

    def plant(self, stamp: Stamp | None, density: float | FloatArray) -> None:
        """Sets how likely a tree is to grow, 0..1, where the stamp covers at least half of a pixel."""
        if stamp is None:
            return
        rows, cols = stamp.index
        self.trees[rows, cols] = np.where(
            stamp.cover >= 0.5, np.asarray(density, dtype=np.float32), self.trees[rows, cols]
        )

    def texture(self, stamp: Stamp, *, fine: float = 0.0, patches: float = 0.0) -> FloatArray:
        """Returns a shade for `paint` from the canvas' textures, with the given standard deviations."""
        rows, cols = stamp.index
        return np.maximum(
            1
            + np.float32(fine) * self.fine[rows, cols]
            + np.float32(patches) * self.patches[rows, cols],
            np.float32(0.2),
        )
