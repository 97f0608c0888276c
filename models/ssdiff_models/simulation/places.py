"""Open places of a town: car parks, sports grounds, parks."""

import numpy as np

from ssdiff_models.simulation.buildings import hall, parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage

__all__ = ["park", "parking", "sports"]

_LINE = 0.09


def parking(
    canvas: Canvas, at: Frame, half_u: float, rng: np.random.Generator, *, rows: int
) -> None:
    """Draws a car park along u: one or two rows of marked bays, most of them taken."""
    half_v = 5.6 if rows == 2 else 4.2
    lot = canvas.box(at, half_v + 2.4 * (rows - 1), half_u)
    if lot is None:
        return
    canvas.paint(lot, "asphalt", canvas.texture(lot, fine=0.05, patches=0.06))
    canvas.plant(lot, 0)
    share = rng.uniform(0.3, 0.85)
    for row in range(rows):
        v = (row - (rows - 1) / 2) * 10.6 + (0.9 if rows == 1 else 0)
        bays = canvas.box(at.at(v, 0), 2.5, half_u)
        if bays is not None:
            marks = coverage(np.mod(bays.u, np.float32(2.6)) - np.float32(1.3), _LINE, canvas.grain)
            canvas.paint(
                bays.reshaped(np.asarray(bays.cover * marks, dtype=np.float32)), "white_paint", 0.9
            )
        for k in range(int(2 * half_u / 2.6) - 1):
            if rng.random() < share:
                parked_car(
                    canvas,
                    at.at(
                        v + rng.normal(0, 0.2),
                        -half_u + (k + 1) * 2.6,
                        np.pi / 2 + rng.normal(0, 0.03),
                    ),
                    rng,
                )


def sports(canvas: Canvas, at: Frame, half: tuple[float, float], rng: np.random.Generator) -> None:
    """Draws a pitch with mown stripes and lines, two courts beside it, and a club house."""
    pitch = (min(half[0] - 4, 22), min(0.62 * half[1], 34))
    place = at.at(0, half[1] - pitch[1] - 4)
    turf = canvas.box(place, *pitch)
    if turf is not None:
        stripes = np.where(
            np.mod(turf.u, np.float32(9)) < np.float32(4.5), np.float32(1.09), np.float32(0.93)
        )
        canvas.paint(
            turf, "grass", np.asarray(stripes * canvas.texture(turf, fine=0.05), dtype=np.float32)
        )
        canvas.plant(turf, 0)
        _lines(canvas, place, (pitch[0] - 2, pitch[1] - 2), turf)
    side = half[1] - pitch[1] - 4
    for sign in (-1, 1):
        court(
            canvas,
            at.at(sign * half[0] * 0.48, -half[1] + side * 0.75),
            str(rng.choice(["blue_court", "red_court", "green_roof"])),
        )
    hall(canvas, at.at(0, -half[1] + 4, np.pi / 2), (2.6, 7), rng, height=3.5)


def _lines(canvas: Canvas, at: Frame, half: tuple[float, float], turf: Stamp) -> None:
    _outline(canvas, at, half)
    canvas.paint(canvas.box(at, half[0], _LINE), "white_paint")
    ring = coverage(np.hypot(turf.v, turf.u) - np.float32(6.5), _LINE, canvas.grain)
    canvas.paint(turf.reshaped(np.asarray(turf.cover * ring, dtype=np.float32)), "white_paint")
    for sign in (-1, 1):
        _outline(canvas, at.at(0, sign * (half[1] - 5)), (0.5 * half[0], 5))


def _outline(canvas: Canvas, at: Frame, half: tuple[float, float]) -> None:
    for sign in (-1, 1):
        canvas.paint(canvas.box(at.at(sign * half[0], 0), _LINE, half[1]), "white_paint")
        canvas.paint(canvas.box(at.at(0, sign * half[1]), half[0], _LINE), "white_paint")


def court(canvas: Canvas, at: Frame, material: str) -> None:
    """Draws a tennis court of a colour, with its lines."""
    ground = canvas.box(at, 8.6, 17)
    if ground is None:
        return
    canvas.paint(
        ground,
        "green_roof" if material != "green_roof" else "red_court",
        canvas.texture(ground, fine=0.02),
    )
    canvas.plant(ground, 0)
    canvas.paint(canvas.box(at, 5.5, 12), material)
    for half_v in (5.4, 4.1):
        _outline(canvas, at, (half_v, 11.9))
    canvas.paint(canvas.box(at, 5.8, _LINE), "white_paint", 0.9)


def park(canvas: Canvas, at: Frame, half: tuple[float, float], rng: np.random.Generator) -> None:
    """Draws a park: trees in groups, crossing paths, a pond with a light rim."""
    ground = canvas.box(at, *half)
    if ground is None:
        return
    canvas.plant(ground, np.clip(0.25 + 0.55 * canvas.patches[ground.index], 0.02, 0.95))
    for angle in (rng.uniform(0.2, 0.6), rng.uniform(-0.6, -0.2)):
        bend = np.float32(3) * np.sin(ground.u * np.float32(2 * np.pi / 60))
        cross = ground.v - np.float32(np.tan(angle)) * ground.u - bend
        path = ground.reshaped(
            np.asarray(ground.cover * coverage(cross, 1.3, canvas.grain), dtype=np.float32)
        )
        canvas.paint(path, "sand", 0.95)
        canvas.plant(path, 0)
    pond = canvas.disc(at.at(rng.uniform(-6, 6), rng.uniform(-0.4, 0.4) * half[1]), 11)
    if pond is not None:
        lobes = np.hypot(pond.v, pond.u) * (
            1 + 0.18 * np.sin(3 * np.arctan2(pond.v, pond.u) + np.float32(rng.uniform(0, 6)))
        )
        for radius, material in ((9.6, "sand"), (8.8, "shallow_water"), (7.2, "river")):
            cover = np.clip((radius - lobes) / canvas.grain + 0.5, 0, 1)
            canvas.paint(pond.reshaped(np.asarray(cover, dtype=np.float32)), material)
        canvas.plant(pond, 0)
