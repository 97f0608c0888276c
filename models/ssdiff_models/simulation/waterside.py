"""A river with soft banks, a promenade, boats and their wakes; and what crosses it."""

import numpy as np

from ssdiff_models.simulation.buildings import parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage
from ssdiff_models.simulation.curves import Course
from ssdiff_models.simulation.texture import FloatArray, Random

__all__ = ["boats", "main_road", "railway", "river"]

_DECK = 4.5
"""Height of bridges in metres."""
_CABINS = ["blue_paint", "black_paint", "brown_roof", "silver_paint"]

Stretch = tuple[float, float]
"""Where along a course something begins and ends, in metres."""


def river(canvas: Canvas, course: Course, half: float) -> None:
    """Draws a river, its bed, its reeds and a path along one bank.

    Args:
        canvas: The canvas.
        course: The river's middle.
        half: Half its width in metres.
    """
    winding = course.aside + 1.6 * canvas.patches
    distance = np.abs(winding + 0.35 * canvas.fine)
    for reach, material, fine in (
        (half + 9, "meadow", 0.12),
        (half + 2.6, "dry_grass", 0.2),
        (half + 0.9, "mud", 0.1),
    ):
        cover = np.clip((reach - distance) / 2.5 + 0.5, 0, 1)
        bank = canvas.pixels(course.aside, course.along, cover)
        canvas.paint(bank, material, canvas.texture(bank, fine=fine, patches=0.08))
        canvas.plant(bank, np.where(np.abs(bank.v) < half + 3, 0, 0.28))
    cover = np.clip((half - distance) / canvas.grain + 0.5, 0, 1)
    water = canvas.pixels(course.aside, course.along, cover)
    if water.empty:
        return
    depth = np.clip((half - distance) / 9, 0, 1)[water.index]
    canvas.paint(water, "shallow_water", canvas.texture(water, fine=0.03))
    canvas.paint(water, "river", canvas.texture(water, fine=0.025, patches=0.06), depth)
    canvas.plant(water, 0)
    _promenade(canvas, course, half)


def _promenade(canvas: Canvas, course: Course, half: float) -> None:
    lawn = course.strip(6.5, half + 13)
    path = course.strip(1.6, half + 13)
    canvas.paint(lawn, "grass", canvas.texture(lawn, fine=0.09), 0.8)
    canvas.plant(lawn, np.where(np.abs(lawn.v) > 3, 0.75, 0))
    canvas.paint(path, "sand", 0.92)
    canvas.plant(path, 0)


def boats(canvas: Canvas, course: Course, half: float, rng: Random) -> None:
    """Draws moored boats at a jetty, and some under way with wakes."""
    reach = 0.5 * canvas.extent
    for _ in range(max(2, int(canvas.extent / 130))):
        u = rng.uniform(-reach, reach)
        aside = rng.uniform(-0.45, 0.45) * half
        heading = float(rng.choice([0.0, np.pi]))
        at = course.curve.at(u, aside).at(0, 0, heading + rng.normal(0, 0.06))
        _wake(canvas, at)
        _boat(canvas, at, rng, 1 + rng.random())
    dock = course.curve.at(rng.uniform(-0.25, 0.25) * canvas.extent, half - 3.5)
    jetty = canvas.box(dock, 0.8, 22)
    canvas.paint(jetty, "paving", 0.9)
    canvas.build(jetty, 0.8)
    for berth in range(9):
        if rng.random() < 0.75:
            at = dock.at(-3.4, -20 + 5.0 * berth, np.pi / 2 + rng.normal(0, 0.05))
            _boat(canvas, at, rng, rng.uniform(0.6, 1))


def _boat(canvas: Canvas, at: Frame, rng: Random, scale: float) -> None:
    hull = canvas.box(at, 1.3 * scale, 3.6 * scale)
    taper = np.clip(1 - (np.maximum(hull.u, 0) / (3.7 * scale)) ** 2, 0, 1)
    bow = 1.2 * scale * np.sqrt(taper)
    across = coverage(hull.v, bow, canvas.grain)
    hull = hull.covered(across * coverage(hull.u, 3.6 * scale, canvas.grain))
    canvas.paint(hull, "white_paint")
    canvas.build(hull, 1.2)
    cabin = canvas.box(at.at(0, -0.6 * scale), 0.7 * scale, 1.2 * scale)
    canvas.paint(cabin, str(rng.choice(_CABINS)))


def _wake(canvas: Canvas, at: Frame) -> None:
    trail = canvas.box(at.at(0, -17), 6, 15)
    behind = 15 - trail.u
    spread = np.abs(trail.v) - 0.18 * behind
    arms = coverage(spread, 0.35, canvas.grain) * np.clip(1 - behind / 32, 0, 1)
    foam = coverage(trail.v, 0.8, canvas.grain) * np.clip(1 - behind / 14, 0, 1)
    canvas.paint(trail, "white_paint", 0.7, np.clip(0.28 * arms + 0.55 * foam, 0, 1))


def main_road(canvas: Canvas, course: Course, bridge: Stretch, rng: Random) -> None:
    """Draws a two-lane road with markings, verges, trees, traffic, and a bridge over the river.

    Args:
        canvas: The canvas.
        course: Where it runs.
        bridge: Where along it the bridge begins and ends, in metres.
        rng: Source of the traffic.
    """
    verge = course.strip(8.5)
    deck = course.strip(6.2)
    if verge.empty or deck.empty:
        return
    land = 1 - _over(canvas, verge, bridge)
    canvas.paint(verge, "grass", canvas.texture(verge, fine=0.1), land)
    canvas.plant(verge, np.where((np.abs(verge.v) > 7) & (land > 0.5), 0.6, 0))
    span = deck.masked(_over(canvas, deck, bridge))
    canvas.paint(span, "concrete")
    canvas.build(span, _DECK)
    lanes = course.strip(4.6)
    track = np.abs(lanes.v) - 2.3
    worn = 1 + 0.07 * np.cos((2 * np.pi / 2.1) * track)
    canvas.paint(lanes, "asphalt", worn * canvas.texture(lanes, fine=0.03, patches=0.06))
    canvas.plant(lanes, 0)
    for aside in (-4.2, 4.2):
        canvas.paint(course.strip(0.09, aside), "white_paint")
    canvas.paint(course.dashes(0.09, 0.0, 4.0, 10.0), "white_paint")
    _traffic(canvas, course, rng)


def _over(canvas: Canvas, stamp: Stamp, bridge: Stretch) -> FloatArray:
    """Returns how much of each pixel of a strip lies on a bridge, 0..1."""
    half = (bridge[1] - bridge[0]) / 2
    return coverage(stamp.u - np.float32(sum(bridge) / 2), half, canvas.grain)


def _traffic(canvas: Canvas, course: Course, rng: Random) -> None:
    reach = 0.72 * canvas.extent
    for lane in (-2.1, 2.1):
        u = -reach
        while u < reach:
            u += rng.exponential(26) + 8
            parked_car(canvas, course.curve.at(u, lane), rng)


def railway(canvas: Canvas, course: Course, bridge: Stretch) -> None:
    """Draws a double track: ballast, sleepers, rails, masts, and its bridge over the river."""
    bed = course.strip(4.6)
    deck = course.strip(5.6)
    if bed.empty or deck.empty:
        return
    span = deck.masked(_over(canvas, deck, bridge))
    canvas.paint(span, "metal_roof", 0.8)
    canvas.build(span, _DECK)
    canvas.paint(bed, "ballast", canvas.texture(bed, fine=0.08))
    canvas.plant(course.strip(9), 0)
    sleepers = max(0.65, 2.6 * canvas.grain)
    for track in (-2.1, 2.1):
        canvas.paint(course.dashes(1.25, track, 0.3, sleepers), "concrete", 0.8, 0.5)
        for rail in (-0.72, 0.72):
            canvas.paint(course.strip(0.07, track + rail), "silver_paint", 1.2)
    for aside in (-4.9, 4.9):
        mast = course.dashes(0.25, aside, 0.4, 48.0)
        canvas.paint(mast, "silver_paint")
        canvas.build(mast, 8.0)
