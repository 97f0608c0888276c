"""Blocks of homes: houses with gardens, fences and drives, and terraces."""

import numpy as np

from ssdiff_models.simulation.buildings import flat, gable, hip, parked_car
from ssdiff_models.simulation.canvas import RIGHT_ANGLE, Frame
from ssdiff_models.simulation.chance import Random, draw, pick

__all__ = ["homes", "terraces"]


def homes(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """Draws two rows of lots, back to back, with houses near the street."""
    setback = rng.uniform(9.5, 12)
    for angle in (0.0, np.pi):
        row = at.turned(angle)
        u = -half_u
        while u + 12 < half_u:
            width = min(rng.uniform(14, 20), half_u - u)
            middle = row.at(half_v / 2, u + width / 2)
            _lot(middle, half_v / 2, width / 2, setback, rng)
            u += width


def _lot(at: Frame, half_v: float, half_u: float, setback: float, rng: Random) -> None:
    """Draws a lot whose street lies on the far (larger v) side."""
    lawn = at.box(half_v, half_u)
    tone = rng.normal(1, 0.13)
    grass = draw(rng, "lawns")
    if not lawn.empty:
        lawn.paint(grass, tone, fine=0.09, patches=0.1)
        lawn.plant(pick(rng, [0.06, 0.2, 0.42]))
    _fences(at, half_v, half_u, rng)
    house_v = half_v - setback + rng.normal(0, 0.6)
    _drive(at, half_v, half_u, house_v, rng)
    house_u = rng.normal(-0.8, 0.4)
    house = at.at(house_v, house_u)
    _house(house.turned(rng.normal(0, 0.02)), half_u, rng)
    garden = at.down(-0.45 * half_v)
    _garden(garden, half_v, half_u, rng)


def _fences(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    side = at.along(half_u).turned()
    back = at.down(-half_v)
    for edge, length in ((side, half_v), (back, half_u)):
        if rng.random() < 0.45:
            hedge = edge.box(0.55, length)
            hedge.paint("broadleaf", 0.9)
            hedge.build(1.7)
        else:
            fence = edge.box(0.09, length)
            fence.paint(draw(rng, "fences"))
            fence.build(1.2)


def _drive(at: Frame, half_v: float, half_u: float, house_v: float, rng: Random) -> None:
    lane = at.along(half_u - 2.6)
    length = (half_v - house_v) / 2 + 1.5
    drive = lane.down(half_v - length).box(length, 1.6)
    material = draw(rng, "drives")
    drive.paint(material, rng.normal(1, 0.08))
    drive.plant(0)
    if rng.random() < 0.6:
        garage = lane.down(house_v - 2.5).turned()
        flat(garage, 1.9, 3.2, rng, height=2.7)
    if rng.random() < 0.5:
        v = half_v - rng.uniform(3, 5)
        angle = RIGHT_ANGLE + rng.normal(0, 0.03)
        parked_car(lane.down(v).turned(angle), rng)


def _house(at: Frame, widest: float, rng: Random) -> None:
    half_v = rng.uniform(3.9, 5.2)
    half_u = min(rng.uniform(4.8, 6.6), widest - 2.4)
    ridge = at.turned() if rng.random() < 0.35 else at
    eaves = 3.2 if rng.random() < 0.55 else 5.4
    roof = hip if rng.random() < 0.4 else gable
    roof(ridge, half_v, half_u, rng, eaves=eaves)
    if rng.random() < 0.35:
        terrace = at.at(-half_v - 1.6, 0.5).box(1.5, 0.6 * half_u)
        terrace.paint("paving", rng.normal(1.05, 0.1))
        terrace.plant(0)


def _garden(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    if rng.random() < 0.16:
        edge = at.box(2.9, 4.7)
        edge.paint("concrete", 1.1)
        at.box(2.0, 3.8).paint("pool")
        edge.plant(0)
    elif rng.random() < 0.4:
        v = rng.uniform(-1, 1)
        u = rng.uniform(-3, 1)
        depth = rng.uniform(1, 2.5)
        bed = at.at(v, u).box(depth, rng.uniform(1.5, 3.5))
        bed.paint("moist_soil")
        bed.paint("beet", 0.9, 0.4)
    if rng.random() < 0.35:
        shed = at.at(-0.35 * half_v, half_u - 2.4)
        gable(shed, 1.3, 1.7, rng, eaves=2.0)


def terraces(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """Draws two long rows of joined houses, each roof its own."""
    for angle in (0.0, np.pi):
        row = at.turned(angle)
        eaves = pick(rng, [5.5, 8.0])
        depth = rng.uniform(4.6, 5.6)
        yard = half_v / 2 - depth
        u = 3 - half_u
        while u + 6 < half_u:
            width = rng.uniform(6, 7.5)
            house = row.at(half_v - depth - 3.5, u + width / 2)
            rise = rng.uniform(0, 0.4)
            gable(house, depth, width / 2, rng, eaves=eaves + rise)
            if rng.random() < 0.5:
                shed = row.at(half_v - 3 * depth - 4, u + 2)
                gable(shed, 1.4, 1.8, rng, eaves=2.0)
            u += width
            fence = row.at(yard, u).turned().box(0.1, yard)
            fence.paint("paving")
            fence.build(1.3)
