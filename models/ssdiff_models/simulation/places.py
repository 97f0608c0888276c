"""Open places of a town: car parks, sports grounds, parks."""

import numpy as np

from ssdiff_models.simulation.buildings import hall, parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Half, Stamp, coverage, stripes
from ssdiff_models.simulation.texture import Random

__all__ = ["park", "parking", "sports"]

_LINE = 0.09
"""Half the width of a painted line, in metres."""
_BAY = 2.6
"""Width of a parking bay in metres."""
_COURTS = ["blue_court", "red_court", "green_roof"]


def parking(canvas: Canvas, at: Frame, half_u: float, rng: Random, *, rows: int) -> None:
    """Draws a car park along u: one or two rows of marked bays, most of them taken."""
    half_v = 5.6 if rows == 2 else 4.2
    lot = canvas.box(at, half_v + 2.4 * (rows - 1), half_u)
    if lot.empty:
        return
    canvas.pave(lot, "asphalt", fine=0.05, patches=0.06)
    share = rng.uniform(0.3, 0.85)
    for row in range(rows):
        v = (row - (rows - 1) / 2) * 10.6 + (0.9 if rows == 1 else 0)
        bays = canvas.box(at.at(v, 0), 2.5, half_u)
        marks = stripes(bays.u, _BAY, _LINE, canvas.grain)
        canvas.paint(bays.masked(marks), "white_paint", 0.9)
        for bay in range(1, int(2 * half_u / _BAY)):
            if rng.random() < share:
                aside = v + rng.normal(0, 0.2)
                angle = np.pi / 2 + rng.normal(0, 0.03)
                parked_car(canvas, at.at(aside, -half_u + bay * _BAY, angle), rng)


def sports(canvas: Canvas, at: Frame, half: Half, rng: Random) -> None:
    """Draws a pitch with mown stripes and lines, two courts beside it, and a club house."""
    pitch_v = min(half[0] - 4, 22)
    pitch_u = min(0.62 * half[1], 34)
    side = half[1] - pitch_u - 4
    place = at.at(0, side)
    turf = canvas.box(place, pitch_v, pitch_u)
    mown = np.mod(turf.u, 9) < 4.5
    shade = np.where(mown, 1.09, 0.93)
    canvas.paint(turf, "grass", shade * canvas.texture(turf, fine=0.05))
    canvas.plant(turf, 0)
    _lines(canvas, place, (pitch_v - 2, pitch_u - 2), turf)
    for sign in (-1, 1):
        corner = at.at(sign * half[0] * 0.48, -half[1] + side * 0.75)
        court(canvas, corner, str(rng.choice(_COURTS)))
    hall(canvas, at.at(0, -half[1] + 4, np.pi / 2), (2.6, 7), rng, height=3.5)


def _lines(canvas: Canvas, at: Frame, half: Half, turf: Stamp) -> None:
    _outline(canvas, at, half)
    canvas.paint(canvas.box(at, half[0], _LINE), "white_paint")
    distance = np.hypot(turf.v, turf.u) - 6.5
    canvas.paint(turf.masked(coverage(distance, _LINE, canvas.grain)), "white_paint")
    for sign in (-1, 1):
        _outline(canvas, at.at(0, sign * (half[1] - 5)), (0.5 * half[0], 5))


def _outline(canvas: Canvas, at: Frame, half: Half) -> None:
    for sign in (-1, 1):
        canvas.paint(canvas.box(at.at(sign * half[0], 0), _LINE, half[1]), "white_paint")
        canvas.paint(canvas.box(at.at(0, sign * half[1]), half[0], _LINE), "white_paint")


def court(canvas: Canvas, at: Frame, material: str) -> None:
    """Draws a tennis court of a colour, with its lines."""
    surround = "red_court" if material == "green_roof" else "green_roof"
    canvas.pave(canvas.box(at, 8.6, 17), surround, fine=0.02)
    canvas.paint(canvas.box(at, 5.5, 12), material)
    for half_v in (5.4, 4.1):
        _outline(canvas, at, (half_v, 11.9))
    canvas.paint(canvas.box(at, 5.8, _LINE), "white_paint", 0.9)


def park(canvas: Canvas, at: Frame, half: Half, rng: Random) -> None:
    """Draws a park: trees in groups, crossing paths, a pond with a light rim."""
    ground = canvas.box(at, *half)
    if ground.empty:
        return
    canvas.plant(ground, np.clip(0.25 + 0.55 * canvas.patches[ground.index], 0.02, 0.95))
    for angle in (rng.uniform(0.2, 0.6), rng.uniform(-0.6, -0.2)):
        bend = 3 * np.sin(ground.u * (2 * np.pi / 60))
        distance = ground.v - np.float32(np.tan(angle)) * ground.u - bend
        path = ground.masked(coverage(distance, 1.3, canvas.grain))
        canvas.paint(path, "sand", 0.95)
        canvas.plant(path, 0)
    v = rng.uniform(-6, 6)
    u = rng.uniform(-0.4, 0.4) * half[1]
    _pond(canvas, canvas.disc(at.at(v, u), 11), rng)


def _pond(canvas: Canvas, pond: Stamp, rng: Random) -> None:
    if pond.empty:
        return
    turn = 3 * np.arctan2(pond.v, pond.u) + np.float32(rng.uniform(0, 6))
    distance = np.hypot(pond.v, pond.u) * (1 + 0.18 * np.sin(turn))
    for radius, material in ((9.6, "sand"), (8.8, "shallow_water"), (7.2, "river")):
        cover = np.clip((radius - distance) / canvas.grain + 0.5, 0, 1)
        canvas.paint(pond.covered(cover), material)
    canvas.plant(pond, 0)
