"""A river with soft banks, a promenade, boats and their wakes; and what crosses it."""

import numpy as np

from ssdiff_models.simulation.buildings import parked_car
from ssdiff_models.simulation.canvas import RIGHT_ANGLE, Frame, Stamp, inside
from ssdiff_models.simulation.chance import Random, draw, pick
from ssdiff_models.simulation.curves import Course
from ssdiff_models.simulation.texture import FloatArray

__all__ = ["boats", "main_road", "railway", "river"]

_DECK = 4.5
"""Height of bridges in metres."""

Stretch = tuple[float, float]
"""Where along a course something begins and ends, in metres."""


def river(course: Course, half: float) -> None:
    """Draws a river, `half` metres to both sides, its bed, its reeds and a path along one bank."""
    canvas = course.canvas
    winding = course.aside + 1.6 * canvas.patches
    distance = abs(winding + 0.35 * canvas.fine)
    for reach, material, fine in (
        (half + 9, "meadow", 0.12),
        (half + 2.6, "dry_grass", 0.2),
        (half + 0.9, "mud", 0.1),
    ):
        bank = course.cover(inside(distance, reach, 2.5))
        bank.paint(material, fine=fine, patches=0.08)
        near = abs(bank.v) < half + 3
        bank.plant(np.where(near, 0, 0.28))
    water = course.cover(inside(distance, half, canvas.grain))
    if water.empty:
        return
    depth = np.clip((half - distance) / 9, 0, 1)
    water.paint("shallow_water", fine=0.03)
    water.paint("river", 1.0, depth[water.index], fine=0.025, patches=0.06)
    water.plant(0)
    lawn = course.strip(6.5, half + 13)
    lawn.paint("grass", 1.0, 0.8, fine=0.09)
    beside = abs(lawn.v) > 3
    lawn.plant(np.where(beside, 0.75, 0))
    promenade = course.strip(1.6, half + 13)
    promenade.paint("sand", 0.92)
    promenade.plant(0)


def boats(course: Course, half: float, rng: Random) -> None:
    """Draws moored boats at a jetty, and some under way with wakes."""
    extent = course.canvas.extent
    for _ in range(max(2, int(extent / 130))):
        u = rng.uniform(-0.5 * extent, 0.5 * extent)
        aside = rng.uniform(-0.45, 0.45) * half
        heading = pick(rng, [0.0, np.pi])
        way = heading + rng.normal(0, 0.06)
        at = course.curve.at(u, aside).turned(way)
        _wake(at)
        _boat(at, rng, 1 + rng.random())
    u = rng.uniform(-0.25, 0.25) * extent
    dock = course.curve.at(u, half - 3.5)
    jetty = dock.box(0.8, 22)
    jetty.paint("paving", 0.9)
    jetty.build(0.8)
    for berth in range(9):
        if rng.random() < 0.75:
            angle = RIGHT_ANGLE + rng.normal(0, 0.05)
            place = dock.at(-3.4, 5.0 * berth - 20)
            _boat(place.turned(angle), rng, rng.uniform(0.6, 1))


def _boat(at: Frame, rng: Random, scale: float) -> None:
    box = at.box(1.3 * scale, 3.6 * scale)
    forward = np.maximum(box.u, 0) / (3.7 * scale)
    taper = np.clip(1 - forward**2, 0, 1)
    bow = 1.2 * scale * np.sqrt(taper)
    across = box.share(box.v, bow)
    along = box.share(box.u, 3.6 * scale)
    hull = box.covered(across * along)
    hull.paint("white_paint")
    hull.build(1.2)
    cabin = at.along(-0.6 * scale).box(0.7 * scale, 1.2 * scale)
    cabin.paint(draw(rng, "cabins"))


def _wake(at: Frame) -> None:
    trail = at.along(-17).box(6, 15)
    behind = 15 - trail.u
    spread = abs(trail.v) - 0.18 * behind
    arms = trail.share(spread, 0.35) * np.clip(1 - behind / 32, 0, 1)
    foam = trail.share(trail.v, 0.8) * np.clip(1 - behind / 14, 0, 1)
    white = 0.28 * arms + 0.55 * foam
    trail.paint("white_paint", 0.7, np.clip(white, 0, 1))


def main_road(course: Course, bridge: Stretch, rng: Random) -> None:
    """Draws a two-lane road with markings, verges, trees and traffic, and its bridge over the river."""
    verge = course.strip(8.5)
    deck = course.strip(6.2)
    if verge.empty or deck.empty:
        return
    land = 1 - _over(verge, bridge)
    verge.paint("grass", 1.0, land, fine=0.1)
    wooded = (abs(verge.v) > 7) & (land > 0.5)
    verge.plant(np.where(wooded, 0.6, 0))
    span = deck.masked(_over(deck, bridge))
    span.paint("concrete")
    span.build(_DECK)
    lanes = course.strip(4.6)
    track = abs(lanes.v) - 2.3
    rate = 2 * np.pi / 2.1
    worn = 1 + 0.07 * np.cos(rate * track)
    lanes.paint("asphalt", worn, fine=0.03, patches=0.06)
    lanes.plant(0)
    for aside in (-4.2, 4.2):
        edge = course.strip(0.09, aside)
        edge.paint("white_paint")
    middle = course.dashes(0.09, 0.0, 4.0, 10.0)
    middle.paint("white_paint")
    reach = 0.72 * course.canvas.extent
    for lane in (-2.1, 2.1):
        u = -reach
        while u < reach:
            u += rng.exponential(26) + 8
            parked_car(course.curve.at(u, lane), rng)


def _over(strip: Stamp, bridge: Stretch) -> FloatArray:
    """Returns how much of each pixel of a strip lies on a bridge, 0..1."""
    begin, end = bridge
    middle = (begin + end) / 2
    return strip.share(strip.u - middle, (end - begin) / 2)


def railway(course: Course, bridge: Stretch) -> None:
    """Draws a double track: ballast, sleepers, rails, masts, and its bridge over the river."""
    bed = course.strip(4.6)
    deck = course.strip(5.6)
    if bed.empty or deck.empty:
        return
    span = deck.masked(_over(deck, bridge))
    span.paint("metal_roof", 0.8)
    span.build(_DECK)
    bed.paint("ballast", fine=0.08)
    course.strip(9).plant(0)
    spacing = max(0.65, 2.6 * course.canvas.grain)
    for aside in (-2.1, 2.1):
        sleepers = course.dashes(1.25, aside, 0.3, spacing)
        sleepers.paint("concrete", 0.8, 0.5)
        for half_gauge in (-0.72, 0.72):
            rail = course.strip(0.07, aside + half_gauge)
            rail.paint("silver_paint", 1.2)
    for aside in (-4.9, 4.9):
        mast = course.dashes(0.25, aside, 0.4, 48.0)
        mast.paint("silver_paint")
        mast.build(8.0)
