"""Buildings and cars: roofs whose heights make the sun light one side and shade the other."""

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame, Half, Stamp, coverage, stripes
from ssdiff_models.simulation.texture import FloatArray, Random

__all__ = ["flat", "gable", "hall", "hip", "parked_car"]

_TILES = [
    f"{kind}_roof" for kind in ["clay", "clay", "clay", "brown", "brown", "slate", "slate", "metal"]
]
_SHEETS = [
    f"{kind}_roof" for kind in ["metal", "white", "blue", "green", "metal", "white", "slate"]
]
_FLATS = ["bitumen_roof", "gravel", "concrete", "bitumen_roof", "old_asphalt", "white_roof"]
_PLANTS = ["metal_roof", "white_roof", "bitumen_roof", "solar_panel"]
_CARS = [
    f"{colour}_paint"
    for colour in ["white", "silver", "black", "silver", "red", "blue", "black", "white"]
]


def gable(canvas: Canvas, at: Frame, half: Half, rng: Random, eaves: float = 3.6) -> None:
    """Draws a house with a ridge along u.

    Args:
        canvas: The canvas.
        at: Frame in the middle of the roof.
        half: Half the roof's size down and along the frame, in metres.
        rng: Source of material and pitch.
        eaves: Height of the eaves in metres.
    """
    _tiled(canvas, at, half, rng, eaves=eaves, hipped=False)


def hip(canvas: Canvas, at: Frame, half: Half, rng: Random, eaves: float = 3.6) -> None:
    """Draws a house whose roof falls to all four sides; the arguments are those of `gable`."""
    _tiled(canvas, at, half, rng, eaves=eaves, hipped=True)


def _tiled(
    canvas: Canvas, at: Frame, half: Half, rng: Random, *, eaves: float, hipped: bool
) -> None:
    roof = canvas.box(at, *half)
    material = str(rng.choice(_TILES))
    pitch = rng.uniform(0.45, 0.85)
    shade = rng.normal(1, 0.1)
    place, chimney, panels = rng.random(3)
    inside = half[0] - np.abs(roof.v)
    if hipped:
        inside = np.minimum(inside, half[1] - np.abs(roof.u))
    width = max(1.1, 2.5 * canvas.grain)
    courses = 1 + 0.05 * np.sin((2 * np.pi / width) * roof.v)
    canvas.paint(roof, material, shade * courses * canvas.texture(roof, fine=0.05))
    canvas.build(roof, eaves + pitch * np.maximum(inside, 0))
    canvas.plant(roof, 0)
    if roof.empty:
        return
    if chimney < 0.6:
        stack = canvas.box(at.at(0.2 * half[0], (place - 0.5) * half[1]), 0.45, 0.45)
        canvas.paint(stack, "brown_roof", 1.3)
        canvas.build(stack, eaves + pitch * half[0] + 0.9)
    if panels < 0.22 and not hipped:
        sunny = at.at(half[0] * 0.5, half[1] * (place - 0.5))
        canvas.paint(canvas.box(sunny, half[0] * 0.32, half[1] * 0.4), "solar_panel")


def flat(canvas: Canvas, at: Frame, half: Half, rng: Random, height: float) -> None:
    """Draws a flat-roofed building with a parapet and machinery on its roof.

    Args:
        canvas: The canvas.
        at: Frame in the middle of the roof.
        half: Half the roof's size down and along the frame, in metres.
        rng: Source of material and machinery.
        height: In metres.
    """
    roof = canvas.box(at, *half)
    material = str(rng.choice(_FLATS))
    shade = rng.normal(1, 0.1)
    if roof.empty:
        return
    canvas.paint(roof, material, shade * canvas.texture(roof, fine=0.07))
    canvas.build(roof, height)
    canvas.plant(roof, 0)
    inner_v = coverage(roof.v, half[0] - 0.35, canvas.grain)
    inner_u = coverage(roof.u, half[1] - 0.35, canvas.grain)
    parapet = roof.masked(1 - inner_v * inner_u)
    canvas.paint(parapet, "concrete", 1.05)
    canvas.build(parapet, height + 0.7)
    for _ in range(int(1 + half[0] * half[1] / 45)):
        v = rng.uniform(-0.7, 0.7) * half[0]
        u = rng.uniform(-0.8, 0.8) * half[1]
        _machinery(canvas, at.at(v, u), height, rng)


def _machinery(canvas: Canvas, at: Frame, height: float, rng: Random) -> None:
    half_v = rng.uniform(0.7, 1.8)
    half_u = rng.uniform(0.7, 2.2)
    unit = canvas.box(at, half_v, half_u)
    canvas.paint(unit, str(rng.choice(_PLANTS)))
    canvas.build(unit, height + rng.uniform(0.5, 2.4))


def hall(canvas: Canvas, at: Frame, half: Half, rng: Random, height: float = 7.0) -> None:
    """Draws a hall or barn: a low ridge along u under ribbed sheets, with skylights."""
    roof = canvas.box(at, *half)
    material = str(rng.choice(_SHEETS))
    shade = rng.normal(0.97, 0.07)
    has_skylights = rng.random() < 0.6
    width = max(2.4, 2.6 * canvas.grain)
    ribs = 1 + 0.04 * np.sin((2 * np.pi / width) * roof.u)
    canvas.paint(roof, material, shade * ribs * canvas.texture(roof, fine=0.02, patches=0.04))
    canvas.build(roof, height + 0.18 * np.maximum(half[0] - np.abs(roof.v), 0))
    canvas.plant(roof, 0)
    if has_skylights:
        canvas.paint(roof.covered(_skylights(roof, half, canvas.grain)), "glass", 0.8, 0.7)


def _skylights(roof: Stamp, half: Half, grain: float) -> FloatArray:
    slope = np.abs(roof.v) - (0.5 * half[0])
    across = coverage(slope, 0.22 * half[0], grain)
    along = stripes(roof.u, 6.0, 0.6, grain)
    return roof.cover * across * along


def parked_car(canvas: Canvas, at: Frame, rng: Random) -> None:
    """Draws a car (now and then a van) along u, with its panes and shadow."""
    colour = str(rng.choice(_CARS))
    if rng.random() < 0.08:
        body = canvas.box(at, 1.05, 3.1)
        canvas.paint(body, "white_paint")
        canvas.build(body, 2.4)
    else:
        body = canvas.box(at, 0.9, 2.2)
        canvas.paint(body, colour)
        canvas.build(body, 1.4)
    for pane, length in ((0.55, 0.32), (-1.35, 0.28)):
        canvas.paint(canvas.box(at.at(0, pane), 0.75, length), "black_paint", 1.4)
