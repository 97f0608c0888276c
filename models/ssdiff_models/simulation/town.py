"""A town: blocks between streets, each of houses, apartments, commerce, sports grounds or park."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.buildings import flat, gable, hall, hip, parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Half
from ssdiff_models.simulation.places import park, parking, sports
from ssdiff_models.simulation.texture import Random

__all__ = ["STREET", "CityBlock", "blocks", "build_block", "pave"]

STREET = 6.5
"""Width of a street in metres."""
_SIDEWALK = 1.8
_FRONTAGE = 10.5
"""Distance from the main road to the first street, in metres."""
_SHARES = (0.46, 0.14, 0.14, 0.12, 0.06, 0.08)
"""How often each of `_BUILDERS` builds a block."""
_LAWNS = ["grass", "grass", "meadow", "dry_grass"]
_FENCES = ["white_paint", "paving", "brown_roof"]
_DRIVES = ["concrete", "paving", "gravel", "old_asphalt"]

Zone = Callable[[float, float], int]
"""Tells the part of the town of a canvas position (v, u); 0 where nothing may be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CityBlock:
    """A block of the town: the land between four streets."""

    frame: Frame
    """Its middle; u runs along its longer side."""
    half_v: float
    """Half its height in metres, without streets and sidewalks."""
    half_u: float
    """Half its width in metres."""


def blocks(frame: Frame, reach: float, zone: Zone, rng: Random) -> Iterator[CityBlock]:
    """Yields the blocks of a grid that lie wholly inside a region.

    Args:
        frame: Axes of the grid; the first street lies on its u axis.
        reach: How far the grid goes from the frame's origin, in metres.
        zone: The region; no block spans two zones.
        rng: Source of the block sizes.
    """
    gap = STREET / 2 + _SIDEWALK
    for side in (1, -1):
        v = _FRONTAGE
        while v < reach:
            depth = rng.uniform(24, 31)
            u = -reach + rng.uniform(0, 30)
            while u < reach:
                corner = frame.at(side * (v + gap + depth), u + gap)
                block = _fitting(corner, depth, rng.uniform(34, 58), zone)
                if block is None:
                    u += 6.0
                    continue
                yield block
                u += 2 * (block.half_u + gap)
            v += 2 * (depth + gap)


def _fitting(at: Frame, depth: float, width: float, zone: Zone) -> CityBlock | None:
    """Returns the widest block that starts at a position and lies in one zone, or None."""
    for share in (1.0, 0.72, 0.5):
        block = CityBlock(frame=at.at(0, share * width), half_v=depth, half_u=share * width)
        zones = {zone(*corner) for corner in _outline(block)}
        if len(zones) == 1 and 0 not in zones:
            return block
    return None


def _outline(block: CityBlock) -> Iterator[tuple[float, float]]:
    gap = STREET + _SIDEWALK
    for v in (-block.half_v - gap, 0, block.half_v + gap):
        for u in (-block.half_u - gap, 0, block.half_u + gap):
            yield block.frame.to_canvas(v, u)


def pave(canvas: Canvas, block: CityBlock) -> None:
    """Draws the streets and sidewalks around a block; call it for all before any is built."""
    for margin, material, fine in (
        (_SIDEWALK + STREET, "asphalt", 0.04),
        (_SIDEWALK, "paving", 0.05),
    ):
        stamp = canvas.box(block.frame, block.half_v + margin, block.half_u + margin)
        canvas.pave(stamp, material, fine=fine, patches=0.05)


def build_block(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    """Fills a block with what its kind has."""
    kind = str(rng.choice(list(_BUILDERS), p=_SHARES))
    ground = canvas.box(block.frame, block.half_v, block.half_u)
    canvas.pave(ground, "grass", fine=0.08, patches=0.1, trees=0.12)
    _BUILDERS[kind](canvas, block, rng)
    _kerb_cars(canvas, block, rng)


def _kerb_cars(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    v = block.half_v + _SIDEWALK + 1.2
    for side in (-1, 1):
        u = -block.half_u
        while u < block.half_u:
            if rng.random() < 0.34:
                parked_car(canvas, block.frame.at(side * v, u, rng.normal(0, 0.02)), rng)
            u += rng.uniform(6, 9)


def _homes(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    """Two rows of lots, back to back, with houses near the street."""
    setback = rng.uniform(9.5, 12)
    for angle in (0.0, np.pi):
        row = block.frame.at(0, 0, angle)
        u = -block.half_u
        while u + 12 < block.half_u:
            width = min(rng.uniform(14, 20), block.half_u - u)
            middle = row.at(block.half_v / 2, u + width / 2)
            _lot(canvas, middle, (block.half_v / 2, width / 2), setback, rng)
            u += width


def _lot(canvas: Canvas, at: Frame, half: Half, setback: float, rng: Random) -> None:
    """Draws a lot whose street lies on the far (larger v) side."""
    lawn = canvas.box(at, *half)
    tone = rng.normal(1, 0.13)
    kind = str(rng.choice(_LAWNS, p=[0.4, 0.3, 0.24, 0.06]))
    if not lawn.empty:
        canvas.paint(lawn, kind, tone * canvas.texture(lawn, fine=0.09, patches=0.1))
        canvas.plant(lawn, float(rng.choice([0.06, 0.2, 0.42])))
    _fences(canvas, at, half, rng)
    house_v = half[0] - setback + rng.normal(0, 0.6)
    _drive(canvas, at, half, house_v, rng)
    house_u = rng.normal(-0.8, 0.4)
    _house(canvas, at.at(house_v, house_u, rng.normal(0, 0.02)), half[1], rng)
    _garden(canvas, at.at(-half[0] * 0.45, 0), half, rng)


def _fences(canvas: Canvas, at: Frame, half: Half, rng: Random) -> None:
    for side, length in ((at.at(0, half[1], np.pi / 2), half[0]), (at.at(-half[0], 0), half[1])):
        if rng.random() < 0.45:
            hedge = canvas.box(side, 0.55, length)
            canvas.paint(hedge, "broadleaf", 0.9)
            canvas.build(hedge, 1.7)
        else:
            fence = canvas.box(side, 0.09, length)
            canvas.paint(fence, str(rng.choice(_FENCES)))
            canvas.build(fence, 1.2)


def _drive(canvas: Canvas, at: Frame, half: Half, house_v: float, rng: Random) -> None:
    u = half[1] - 2.6
    length = (half[0] - house_v) / 2 + 1.5
    drive = canvas.box(at.at(half[0] - length, u), length, 1.6)
    material = str(rng.choice(_DRIVES))
    canvas.paint(drive, material, rng.normal(1, 0.08))
    canvas.plant(drive, 0)
    if rng.random() < 0.6:
        flat(canvas, at.at(house_v - 2.5, u, np.pi / 2), (1.9, 3.2), rng, height=2.7)
    if rng.random() < 0.5:
        v = half[0] - rng.uniform(3, 5)
        parked_car(canvas, at.at(v, u, np.pi / 2 + rng.normal(0, 0.03)), rng)


def _house(canvas: Canvas, at: Frame, widest: float, rng: Random) -> None:
    half_v = rng.uniform(3.9, 5.2)
    half_u = min(rng.uniform(4.8, 6.6), widest - 2.4)
    ridge = at.turned() if rng.random() < 0.35 else at
    eaves = float(rng.choice([3.2, 5.4], p=[0.55, 0.45]))
    roof = hip if rng.random() < 0.4 else gable
    roof(canvas, ridge, (half_v, half_u), rng, eaves=eaves)
    if rng.random() < 0.35:
        terrace = canvas.box(at.at(-half_v - 1.6, 0.5), 1.5, half_u * 0.6)
        canvas.paint(terrace, "paving", rng.normal(1.05, 0.1))
        canvas.plant(terrace, 0)


def _garden(canvas: Canvas, at: Frame, half: Half, rng: Random) -> None:
    if rng.random() < 0.16:
        edge = canvas.box(at, 2.9, 4.7)
        canvas.paint(edge, "concrete", 1.1)
        canvas.paint(canvas.box(at, 2.0, 3.8), "pool")
        canvas.plant(edge, 0)
    elif rng.random() < 0.4:
        v = rng.uniform(-1, 1)
        u = rng.uniform(-3, 1)
        half_v = rng.uniform(1, 2.5)
        bed = canvas.box(at.at(v, u), half_v, rng.uniform(1.5, 3.5))
        canvas.paint(bed, "moist_soil")
        canvas.paint(bed, "beet", 0.9, 0.4)
    if rng.random() < 0.35:
        gable(canvas, at.at(-half[0] * 0.35, half[1] - 2.4), (1.3, 1.7), rng, eaves=2.0)


def _terraces(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    """Two long rows of joined houses, each roof its own."""
    for angle in (0.0, np.pi):
        row = block.frame.at(0, 0, angle)
        eaves = float(rng.choice([5.5, 8.0]))
        half_v = rng.uniform(4.6, 5.6)
        yard = block.half_v / 2 - half_v
        u = -block.half_u + 3
        while u + 6 < block.half_u:
            width = rng.uniform(6, 7.5)
            house = row.at(block.half_v - half_v - 3.5, u + width / 2)
            gable(canvas, house, (half_v, width / 2), rng, eaves=eaves + rng.uniform(0, 0.4))
            if rng.random() < 0.5:
                shed = row.at(block.half_v - 3 * half_v - 4, u + 2)
                gable(canvas, shed, (1.4, 1.8), rng, eaves=2.0)
            u += width
            fence = canvas.box(row.at(yard, u, np.pi / 2), 0.1, yard)
            canvas.paint(fence, "paving")
            canvas.build(fence, 1.3)


def _apartments(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    """Slabs across the block, with lawns, paths and a parking strip between them."""
    slabs = int(block.half_u * 2 // 26)
    for slab in range(slabs):
        u = (slab + 0.5) / slabs * 2 * block.half_u - block.half_u
        at = block.frame.at(rng.normal(0, 1), u - 5, np.pi / 2)
        height = float(rng.choice([9.5, 12.5, 16]))
        flat(canvas, at, (5.8, block.half_v - 4), rng, height=height)
        path = canvas.box(block.frame.at(0, u + 3.5, np.pi / 2), 1.0, block.half_v)
        canvas.paint(path, "paving")
        canvas.plant(path, 0)
        if rng.random() < 0.6:
            parking(canvas, block.frame.at(0, u + 9.5, np.pi / 2), block.half_v - 2, rng, rows=1)


def _commerce(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    """A paved yard with one or two halls and a car park in front."""
    yard = canvas.box(block.frame, block.half_v, block.half_u)
    canvas.pave(yard, "old_asphalt", fine=0.05, patches=0.08)
    split = rng.uniform(-0.15, 0.25) * block.half_u
    back = block.frame.at(-0.32 * block.half_v, 0)
    for low, high in ((-block.half_u, split), (split, block.half_u)):
        half = (0.56 * block.half_v, (high - low) / 2 - 3)
        building = hall if rng.random() < 0.6 else flat
        building(canvas, back.at(0, (low + high) / 2), half, rng, height=rng.uniform(6, 9))
    parking(canvas, block.frame.at(0.62 * block.half_v, 0), block.half_u - 3, rng, rows=2)


def _sports(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    sports(canvas, block.frame, (block.half_v, block.half_u), rng)


def _park(canvas: Canvas, block: CityBlock, rng: Random) -> None:
    park(canvas, block.frame, (block.half_v, block.half_u), rng)


_BUILDERS: dict[str, Callable[[Canvas, CityBlock, Random], None]] = {
    "homes": _homes,
    "terraces": _terraces,
    "apartments": _apartments,
    "commerce": _commerce,
    "sports": _sports,
    "park": _park,
}
