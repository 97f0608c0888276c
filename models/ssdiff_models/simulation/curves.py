"""Winding lines through a landscape: rivers, roads, paths."""

import math
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage
from ssdiff_models.simulation.texture import FloatArray, floats

__all__ = ["Course", "Curve", "Swing", "course"]


@dataclass(frozen=True, slots=True)
class Swing:
    """One term of a curve: amplitude * sin(rate * u + phase)."""

    amplitude: float
    """In metres."""
    period: float
    """In metres."""
    phase: float
    """In radians."""

    @property
    def rate(self) -> float:
        """In radians a metre."""
        return 2 * math.pi / self.period


@dataclass(frozen=True, slots=True)
class Curve:
    """A line along a frame's u axis that swings to both sides: v is the sum of its swings at u."""

    frame: Frame
    """The axes."""
    swings: tuple[Swing, ...] = ()
    """What the line is made of."""

    def offset(self, u: FloatArray) -> FloatArray:
        """Returns the line's v at positions u."""
        total = np.zeros_like(u)
        for swing in self.swings:
            turn = swing.rate * u + swing.phase
            total = total + swing.amplitude * np.sin(turn)
        return total

    def slope(self, u: FloatArray) -> FloatArray:
        """Returns dv/du of the line at positions u."""
        total = np.zeros_like(u)
        for swing in self.swings:
            turn = swing.rate * u + swing.phase
            steepest = swing.amplitude * 2 * np.pi / swing.period
            total = total + steepest * np.cos(turn)
        return total

    def distance(self, v: float, u: float) -> float:
        """Returns how far a canvas position lies from the line, in metres, positive beyond it."""
        cos = math.cos(self.frame.angle)
        sin = math.sin(self.frame.angle)
        down = v - self.frame.v
        right = u - self.frame.u
        local_v = down * cos - right * sin
        local_u = right * cos + down * sin
        offset = 0.0
        slope = 0.0
        for swing in self.swings:
            turn = swing.rate * local_u + swing.phase
            offset += swing.amplitude * math.sin(turn)
            slope += swing.amplitude * swing.rate * math.cos(turn)
        return (local_v - offset) / math.hypot(1, slope)

    def at(self, u: float, aside: float = 0.0) -> Frame:
        """Returns the frame on the line at `u`, along it, `aside` metres to its far side."""
        position = np.array([u], np.float32)
        angle = np.arctan(self.slope(position))
        v = self.offset(position)
        on_line = self.frame.at(v.item(), u)
        return on_line.turned(angle.item()).down(aside)


@dataclass(frozen=True, slots=True)
class Course:
    """A curve laid over a canvas."""

    canvas: Canvas
    curve: Curve
    aside: FloatArray
    """Distance of each pixel from the line, in metres, positive on its far side."""
    along: FloatArray
    """Position of each pixel along the line, in metres of its u axis."""

    def strip(self, half: float, aside: float = 0.0) -> Stamp:
        """Returns a strip along the line, `half` metres to both sides of a parallel at `aside`."""
        distance = self.aside - aside
        cover = coverage(distance, half, self.canvas.grain)
        return self.canvas.pixels(distance, self.along, cover)

    def cover(self, cover: FloatArray) -> Stamp:
        """Returns the pixels of the canvas where a cover ``(rows, cols)`` is not 0."""
        return self.canvas.pixels(self.aside, self.along, cover)

    def dashes(self, half: float, aside: float, length: float, period: float) -> Stamp:
        """Returns a dashed strip: `length` metres painted of every `period`."""
        strip = self.strip(half, aside)
        phase = strip.u % period
        return strip.line(phase - length / 2, length / 2)


def course(curve: Curve) -> Course:
    """Lays a curve over the canvas of its frame."""
    canvas = curve.frame.canvas
    v, u = canvas.positions()
    local_v, local_u = curve.frame.from_canvas(v, u)
    beyond = local_v - curve.offset(local_u)
    slope = curve.slope(local_u)
    aside = floats(beyond / np.sqrt(1 + slope**2))
    return Course(canvas, curve, aside, local_u)
