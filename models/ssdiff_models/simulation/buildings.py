"""Buildings and cars: roofs of several materials whose heights make the sun light one side and shade the other."""

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage
from ssdiff_models.simulation.texture import FloatArray

__all__ = ["flat", "gable", "hall", "hip", "parked_car"]

Half = tuple[float, float]

_TILES = (
    "clay_roof",
    "clay_roof",
    "clay_roof",
    "brown_roof",
    "brown_roof",
    "slate_roof",
    "slate_roof",
    "metal_roof",
)
_SHEETS = (
    "metal_roof",
    "white_roof",
    "blue_roof",
    "green_roof",
    "metal_roof",
    "white_roof",
    "slate_roof",
)
_FLATS = ("bitumen_roof", "gravel", "concrete", "bitumen_roof", "old_asphalt", "white_roof")
_CARS = (
    "white_paint",
    "silver_paint",
    "black_paint",
    "silver_paint",
    "red_paint",
    "blue_paint",
    "black_paint",
    "white_paint",
)


def gable(
    canvas: Canvas, at: Frame, half: Half, rng: np.random.Generator, eaves: float = 3.6
) -> None:
    """Draws a house with a ridge along u.

    Args:
        canvas: The canvas.
        at: Frame in the middle of the roof.
        half: Half the roof's size down and along the frame, in metres.
        rng: Source of material and pitch.
        eaves: Height of the eaves in metres.
    """
    _tiled(canvas, at, half, rng, eaves=eaves, hipped=0.0)


def hip(
    canvas: Canvas, at: Frame, half: Half, rng: np.random.Generator, eaves: float = 3.6
) -> None:
    """Draws a house whose roof falls to all four sides; the arguments are those of `gable`."""
    _tiled(canvas, at, half, rng, eaves=eaves, hipped=1.0)


def _tiled(
    canvas: Canvas, at: Frame, half: Half, rng: np.random.Generator, *, eaves: float, hipped: float
) -> None:
    stamp = canvas.box(at, *half)
    material, pitch, shade = str(rng.choice(_TILES)), rng.uniform(0.45, 0.85), rng.normal(1, 0.1)
    extras = rng.random(3)
    if stamp is None:
        return
    inside = half[0] - np.abs(stamp.v)
    if hipped:
        inside = np.minimum(inside, half[1] - np.abs(stamp.u))
    courses = 1 + 0.05 * np.sin(np.float32(2 * np.pi / max(1.1, 2.5 * canvas.grain)) * stamp.v)
    canvas.paint(
        stamp, material, (shade * courses * canvas.texture(stamp, fine=0.05)).astype(np.float32)
    )
    canvas.build(stamp, np.asarray(eaves + pitch * np.maximum(inside, 0), dtype=np.float32))
    canvas.plant(stamp, 0)
    _chimney(canvas, at, half, eaves + pitch * half[0], extras)
    if extras[2] < 0.22 and not hipped:
        canvas.paint(
            canvas.box(
                at.at(half[0] * 0.5, half[1] * (extras[0] - 0.5)), half[0] * 0.32, half[1] * 0.4
            ),
            "solar_panel",
        )


def _chimney(
    canvas: Canvas,
    at: Frame,
    half: Half,
    ridge: float,
    extras: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    if extras[1] < 0.6:
        stack = canvas.box(at.at(0.2 * half[0], (extras[0] - 0.5) * half[1]), 0.45, 0.45)
        canvas.paint(stack, "brown_roof", 1.3)
        canvas.build(stack, ridge + 0.9)


def flat(canvas: Canvas, at: Frame, half: Half, rng: np.random.Generator, height: float) -> None:
    """Draws a flat-roofed building `height` metres high, with a parapet and machinery on its roof."""
    stamp = canvas.box(at, *half)
    material, shade = str(rng.choice(_FLATS)), rng.normal(1, 0.1)
    if stamp is None:
        return
    canvas.paint(
        stamp, material, np.asarray(shade * canvas.texture(stamp, fine=0.07), dtype=np.float32)
    )
    canvas.build(stamp, height)
    canvas.plant(stamp, 0)
    rim = 1 - coverage(stamp.v, half[0] - 0.35, canvas.grain) * coverage(
        stamp.u, half[1] - 0.35, canvas.grain
    )
    parapet = stamp.reshaped(np.asarray(stamp.cover * rim, dtype=np.float32))
    canvas.paint(parapet, "concrete", 1.05)
    canvas.build(parapet, height + 0.7)
    for _ in range(int(1 + half[0] * half[1] / 45)):
        _machinery(
            canvas,
            at.at(rng.uniform(-0.7, 0.7) * half[0], rng.uniform(-0.8, 0.8) * half[1]),
            height,
            rng,
        )


def _machinery(canvas: Canvas, at: Frame, height: float, rng: np.random.Generator) -> None:
    unit = canvas.box(at, rng.uniform(0.7, 1.8), rng.uniform(0.7, 2.2))
    canvas.paint(unit, str(rng.choice(["metal_roof", "white_roof", "bitumen_roof", "solar_panel"])))
    canvas.build(unit, height + rng.uniform(0.5, 2.4))


def hall(
    canvas: Canvas, at: Frame, half: Half, rng: np.random.Generator, height: float = 7.0
) -> None:
    """Draws a hall or barn: a low ridge along u under ribbed sheets, with skylights."""
    stamp = canvas.box(at, *half)
    material, shade, skylights = (
        str(rng.choice(_SHEETS)),
        rng.normal(0.97, 0.07),
        rng.random() < 0.6,
    )
    if stamp is None:
        return
    ribs = 1 + 0.04 * np.sin(np.float32(2 * np.pi / max(2.4, 2.6 * canvas.grain)) * stamp.u)
    canvas.paint(
        stamp,
        material,
        (shade * ribs * canvas.texture(stamp, fine=0.02, patches=0.04)).astype(np.float32),
    )
    canvas.build(
        stamp,
        np.asarray(height + 0.18 * np.maximum(half[0] - np.abs(stamp.v), 0), dtype=np.float32),
    )
    canvas.plant(stamp, 0)
    if skylights:
        canvas.paint(stamp.reshaped(_skylights(stamp, half, canvas.grain)), "glass", 0.8, 0.7)


def _skylights(stamp: Stamp, half: Half, grain: float) -> FloatArray:
    across = coverage(np.abs(stamp.v) - np.float32(0.5 * half[0]), 0.22 * half[0], grain)
    along = coverage(np.mod(stamp.u, np.float32(6.0)) - np.float32(3.0), 0.6, grain)
    return np.asarray(stamp.cover * across * along, dtype=np.float32)


def parked_car(canvas: Canvas, at: Frame, rng: np.random.Generator) -> None:
    """Draws a car (now and then a van) along u, with its panes and shadow."""
    colour, van = str(rng.choice(_CARS)), rng.random() < 0.08
    half = (1.05, 3.1) if van else (0.9, 2.2)
    body = canvas.box(at, *half)
    canvas.paint(body, "white_paint" if van else colour)
    canvas.build(body, 2.4 if van else 1.4)
    for pane, length in ((0.55, 0.32), (-1.35, 0.28)):
        canvas.paint(canvas.box(at.at(0, pane), 0.75, length), "black_paint", 1.4)
