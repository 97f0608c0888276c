"""Open places of a town: car parks, sports grounds, parks."""

import numpy as np

from ssdiff_models.simulation.buildings import hall, parked_car
from ssdiff_models.simulation.canvas import RIGHT_ANGLE, Frame, Stamp, inside, wave
from ssdiff_models.simulation.chance import Random, draw

__all__ = ["park", "parking", "sports"]

_LINE = 0.09
"""Half the width of a painted line, in metres."""
_BAY = 2.6
"""Width of a parking bay in metres."""


def parking(at: Frame, half_u: float, rng: Random, *, rows: int) -> None:
    """Draws a car park along u: one or two rows of marked bays, most of them taken."""
    half_v = 5.6 if rows == 2 else 4.2
    lot = at.box(half_v + 2.4 * (rows - 1), half_u)
    if lot.empty:
        return
    lot.paint("asphalt", fine=0.05, patches=0.06)
    lot.plant(0)
    taken = rng.uniform(0.3, 0.85)
    middles = (0.9,) if rows == 1 else (-5.3, 5.3)
    for middle in middles:
        row = at.down(middle).box(2.5, half_u)
        marks = row.masked(row.stripes(row.u, _BAY, _LINE))
        marks.paint("white_paint", 0.9)
        for bay in range(1, int(2 * half_u / _BAY)):
            if rng.random() < taken:
                v = middle + rng.normal(0, 0.2)
                place = at.at(v, bay * _BAY - half_u)
                angle = RIGHT_ANGLE + rng.normal(0, 0.03)
                parked_car(place.turned(angle), rng)


def sports(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """Draws a pitch with mown stripes and lines, two courts beside it, and a club house."""
    pitch_v = min(half_v - 4, 22)
    pitch_u = min(0.62 * half_u, 34)
    side = half_u - pitch_u - 4
    place = at.along(side)
    turf = place.box(pitch_v, pitch_u)
    mown = turf.u % 9 < 4.5
    turf.paint("grass", np.where(mown, 1.09, 0.93), fine=0.05)
    turf.plant(0)
    _lines(place, turf, pitch_v - 2, pitch_u - 2)
    left = at.along(0.75 * side - half_u)
    for v in (-0.48 * half_v, 0.48 * half_v):
        _court(left.down(v), draw(rng, "courts"))
    club = at.along(4 - half_u).turned()
    hall(club, 2.6, 7, rng, height=3.5)


def _lines(at: Frame, turf: Stamp, half_v: float, half_u: float) -> None:
    _outline(at, half_v, half_u)
    at.box(half_v, _LINE).paint("white_paint")
    circle = turf.line(turf.distance - 6.5, _LINE)
    circle.paint("white_paint")
    for u in (5 - half_u, half_u - 5):
        _outline(at.along(u), 0.5 * half_v, 5)


def _outline(at: Frame, half_v: float, half_u: float) -> None:
    for sign in (-1, 1):
        side = at.down(sign * half_v)
        side.box(_LINE, half_u).paint("white_paint")
        end = at.along(sign * half_u)
        end.box(half_v, _LINE).paint("white_paint")


def _court(at: Frame, material: str) -> None:
    """Draws a tennis court of a colour, with its lines."""
    around = "red_court" if material == "green_roof" else "green_roof"
    surround = at.box(8.6, 17)
    surround.paint(around, fine=0.02)
    surround.plant(0)
    at.box(5.5, 12).paint(material)
    for half_v in (5.4, 4.1):
        _outline(at, half_v, 11.9)
    at.box(5.8, _LINE).paint("white_paint", 0.9)


def park(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """Draws a park: trees in groups, crossing paths, a pond with a light rim."""
    ground = at.box(half_v, half_u)
    if ground.empty:
        return
    density = 0.25 + 0.55 * ground.patches
    ground.plant(np.clip(density, 0.02, 0.95))
    for angle in (rng.uniform(0.2, 0.6), rng.uniform(-0.6, -0.2)):
        slope = np.float32(np.tan(angle))
        bend = 3 * wave(ground.u, 60)
        path = ground.line(ground.v - slope * ground.u - bend, 1.3)
        path.paint("sand", 0.95)
        path.plant(0)
    v = rng.uniform(-6, 6)
    u = rng.uniform(-0.4, 0.4) * half_u
    square = at.at(v, u).box(11, 11)
    pond = square.covered(inside(square.distance, 11, at.canvas.grain))
    if pond.empty:
        return
    direction = np.arctan2(pond.v, pond.u)
    bulge = np.sin(3 * direction + rng.uniform(0, 6))
    distance = pond.distance * (1 + 0.18 * bulge)
    for radius, material in ((9.6, "sand"), (8.8, "shallow_water"), (7.2, "river")):
        ring = pond.covered(inside(distance, radius, at.canvas.grain))
        ring.paint(material)
    pond.plant(0)
