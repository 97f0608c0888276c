"""Buildings and cars: roofs whose heights make the sun light one side and shade the other."""

import numpy as np

from ssdiff_models.simulation.canvas import Frame, wave
from ssdiff_models.simulation.chance import Random, draw

__all__ = ["flat", "gable", "hall", "hip", "parked_car"]


def gable(at: Frame, half_v: float, half_u: float, rng: Random, eaves: float = 3.6) -> None:
    """Draws a house with a ridge along u; `eaves` is their height in metres."""
    _tiled(at, half_v, half_u, rng, eaves=eaves, hipped=False)


def hip(at: Frame, half_v: float, half_u: float, rng: Random, eaves: float = 3.6) -> None:
    """Draws a house whose roof falls to all four sides; `eaves` is their height in metres."""
    _tiled(at, half_v, half_u, rng, eaves=eaves, hipped=True)


def _tiled(
    at: Frame, half_v: float, half_u: float, rng: Random, *, eaves: float, hipped: bool
) -> None:
    roof = at.box(half_v, half_u)
    tiles = draw(rng, "roof_tiles")
    pitch = rng.uniform(0.45, 0.85)
    shade = rng.normal(1, 0.1)
    place, chimney, panels = rng.random(3)
    depth = half_v - abs(roof.v)
    if hipped:
        depth = np.minimum(depth, half_u - abs(roof.u))
    width = max(1.1, 2.5 * at.canvas.grain)
    courses = 1 + 0.05 * wave(roof.v, width)
    roof.paint(tiles, shade * courses, fine=0.05)
    roof.build(eaves + pitch * np.maximum(depth, 0))
    roof.plant(0)
    if roof.empty:
        return
    aside = (place - 0.5) * half_u
    if chimney < 0.6:
        stack = at.at(0.2 * half_v, aside).box(0.45, 0.45)
        stack.paint("brown_roof", 1.3)
        stack.build(eaves + pitch * half_v + 0.9)
    if panels < 0.22 and not hipped:
        sunny = at.at(0.5 * half_v, aside)
        sunny.box(0.32 * half_v, 0.4 * half_u).paint("solar_panel")


def flat(at: Frame, half_v: float, half_u: float, rng: Random, height: float) -> None:
    """Draws a building, `height` metres high, whose flat roof has a parapet and machinery."""
    roof = at.box(half_v, half_u)
    material = draw(rng, "flat_roofs")
    shade = rng.normal(1, 0.1)
    if roof.empty:
        return
    roof.paint(material, shade, fine=0.07)
    roof.build(height)
    roof.plant(0)
    inner_v = roof.share(roof.v, half_v - 0.35)
    inner_u = roof.share(roof.u, half_u - 0.35)
    parapet = roof.masked(1 - inner_v * inner_u)
    parapet.paint("concrete", 1.05)
    parapet.build(height + 0.7)
    for _ in range(int(1 + half_v * half_u / 45)):
        v = rng.uniform(-0.7, 0.7) * half_v
        u = rng.uniform(-0.8, 0.8) * half_u
        unit_v = rng.uniform(0.7, 1.8)
        unit_u = rng.uniform(0.7, 2.2)
        unit = at.at(v, u).box(unit_v, unit_u)
        unit.paint(draw(rng, "roof_machinery"))
        unit.build(height + rng.uniform(0.5, 2.4))


def hall(at: Frame, half_v: float, half_u: float, rng: Random, height: float = 7.0) -> None:
    """Draws a hall or barn: a low ridge along u under ribbed sheets, with skylights."""
    roof = at.box(half_v, half_u)
    sheets = draw(rng, "roof_sheets")
    shade = rng.normal(0.97, 0.07)
    has_skylights = rng.random() < 0.6
    width = max(2.4, 2.6 * at.canvas.grain)
    ribs = 1 + 0.04 * wave(roof.u, width)
    roof.paint(sheets, shade * ribs, fine=0.02, patches=0.04)
    depth = half_v - abs(roof.v)
    roof.build(height + 0.18 * np.maximum(depth, 0))
    roof.plant(0)
    if has_skylights:
        slope = abs(roof.v) - 0.5 * half_v
        bands = roof.line(slope, 0.22 * half_v)
        panes = bands.masked(roof.stripes(roof.u, 6.0, 0.6))
        panes.paint("glass", 0.8, 0.7)


def parked_car(at: Frame, rng: Random) -> None:
    """Draws a car (now and then a van) along u, with its panes and shadow."""
    colour = draw(rng, "cars")
    if rng.random() < 0.08:
        body = at.box(1.05, 3.1)
        body.paint("white_paint")
        body.build(2.4)
    else:
        body = at.box(0.9, 2.2)
        body.paint(colour)
        body.build(1.4)
    for u, length in ((0.55, 0.32), (-1.35, 0.28)):
        pane = at.along(u).box(0.75, length)
        pane.paint("black_paint", 1.4)
