"""Winding lines through a landscape: rivers, roads, paths."""

import math
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage
from ssdiff_models.simulation.texture import FloatArray

__all__ = ["Course", "Curve", "course"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line along a frame's u axis that swings to both sides: v = sum of amplitude * sin(2 pi u / period + phase)."""

    frame: Frame
    """The axes."""
    swings: tuple[tuple[float, float, float], ...] = ()
    """(amplitude in metres, period in metres, phase in radians) of each swing."""

    def offset(self, u: FloatArray) -> FloatArray:
        """Returns the line's v at positions u."""
        terms = (
            np.float32(a) * np.sin(np.float32(2 * np.pi / period) * u + np.float32(phase))
            for a, period, phase in self.swings
        )
        return sum(terms, np.zeros_like(u))

    def slope(self, u: FloatArray) -> FloatArray:
        """Returns dv/du of the line at positions u."""
        terms = (
            np.float32(a * 2 * np.pi / period)
            * np.cos(np.float32(2 * np.pi / period) * u + np.float32(phase))
            for a, period, phase in self.swings
        )
        return sum(terms, np.zeros_like(u))

    def distance(self, v: float, u: float) -> float:
        """Returns how far a canvas position lies from the line, in metres, positive on its far (larger v) side."""
        cos, sin = math.cos(self.frame.angle), math.sin(self.frame.angle)
        dv, du = v - self.frame.v, u - self.frame.u
        local_v, local_u = dv * cos - du * sin, du * cos + dv * sin
        turns = [
            (a, 2 * math.pi / period, 2 * math.pi / period * local_u + phase)
            for a, period, phase in self.swings
        ]
        offset = sum(a * math.sin(turn) for a, _, turn in turns)
        slope = sum(a * rate * math.cos(turn) for a, rate, turn in turns)
        return (local_v - offset) / math.hypot(1, slope)

    def at(self, u: float, aside: float = 0.0) -> Frame:
        """Returns the frame on the line at `u`, along it, `aside` metres to its far side."""
        position = np.array([u], np.float32)
        angle = float(np.arctan(self.slope(position))[0])
        v = float(self.offset(position)[0])
        return self.frame.at(v, u, angle).at(aside, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A curve laid over a canvas."""

    canvas: Canvas
    """The canvas."""
    curve: Curve
    """The curve."""
    aside: FloatArray
    """Distance of each pixel from the line, in metres, positive on its far side."""
    along: FloatArray
    """Position of each pixel along the line, in metres of its u axis."""

    def strip(self, half: float, aside: float = 0.0) -> Stamp | None:
        """Returns a strip along the line, `half` metres to both sides of a parallel at `aside`."""
        return self.canvas.pixels(
            self.aside - np.float32(aside),
            self.along,
            coverage(self.aside - np.float32(aside), half, self.canvas.grain),
        )

    def dashes(self, half: float, aside: float, length: float, period: float) -> Stamp | None:
        """Returns a dashed strip: `length` metres painted of every `period`."""
        stamp = self.strip(half, aside)
        if stamp is None:
            return None
        phase = np.mod(stamp.u, np.float32(period)) - np.float32(length / 2)
        return stamp.reshaped(stamp.cover * coverage(phase, length / 2, self.canvas.grain))


def course(canvas: Canvas, curve: Curve) -> Course:
    """Lays a curve over a canvas."""
    v, u = canvas.positions()
    local_v, local_u = curve.frame.from_canvas(v, u)
    aside = (local_v - curve.offset(local_u)) / np.sqrt(1 + curve.slope(local_u) ** 2)
    return Course(canvas=canvas, curve=curve, aside=aside.astype(np.float32), along=local_u)
