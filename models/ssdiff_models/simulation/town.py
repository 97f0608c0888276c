"""A town: blocks between streets, each of houses, apartments, commerce, sports grounds or park."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from ssdiff_models.simulation.buildings import flat, hall, parked_car
from ssdiff_models.simulation.canvas import Frame
from ssdiff_models.simulation.chance import Random, draw, pick
from ssdiff_models.simulation.homes import homes, terraces
from ssdiff_models.simulation.places import park, parking, sports

__all__ = ["CityBlock", "blocks", "build_block", "pave"]

_STREET = 6.5
"""Width of a street in metres."""
_SIDEWALK = 1.8
_FRONTAGE = 10.5
"""Distance from the main road to the first street, in metres."""

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
    gap = _STREET / 2 + _SIDEWALK
    for side in (1, -1):
        v = _FRONTAGE
        while v < reach:
            depth = rng.uniform(24, 31)
            middle = side * (v + gap + depth)
            u = rng.uniform(0, 30) - reach
            while u < reach:
                width = rng.uniform(34, 58)
                corner = frame.at(middle, u + gap)
                block = _fitting(corner, depth, width, zone)
                if block is None:
                    u += 6.0
                    continue
                yield block
                u += 2 * (block.half_u + gap)
            v += 2 * (depth + gap)


def _fitting(at: Frame, depth: float, width: float, zone: Zone) -> CityBlock | None:
    """Returns the widest block that starts at a position and lies in one zone, or None."""
    for share in (1.0, 0.72, 0.5):
        half_u = share * width
        block = CityBlock(frame=at.along(half_u), half_v=depth, half_u=half_u)
        zones = {zone(v, u) for v, u in _outline(block)}
        if len(zones) == 1 and 0 not in zones:
            return block
    return None


def _outline(block: CityBlock) -> Iterator[tuple[float, float]]:
    gap = _STREET + _SIDEWALK
    far = block.half_v + gap
    right = block.half_u + gap
    for v, u in product((-far, 0, far), (-right, 0, right)):
        yield block.frame.to_canvas(v, u)


def pave(block: CityBlock) -> None:
    """Draws the streets and sidewalks around a block; call it for all before any is built."""
    for margin, material in ((_SIDEWALK + _STREET, "asphalt"), (_SIDEWALK, "paving")):
        pavement = block.frame.box(block.half_v + margin, block.half_u + margin)
        fine = 0.04 if material == "asphalt" else 0.05
        pavement.paint(material, fine=fine, patches=0.05)
        pavement.plant(0)


def build_block(block: CityBlock, rng: Random) -> None:
    """Fills a block with what its kind has."""
    kind = draw(rng, "blocks")
    ground = block.frame.box(block.half_v, block.half_u)
    ground.paint("grass", fine=0.08, patches=0.1)
    ground.plant(0.12)
    build = _BUILDERS[kind]
    build(block.frame, block.half_v, block.half_u, rng)
    _kerb_cars(block, rng)


def _kerb_cars(block: CityBlock, rng: Random) -> None:
    kerb = block.half_v + _SIDEWALK + 1.2
    for v in (-kerb, kerb):
        u = -block.half_u
        while u < block.half_u:
            if rng.random() < 0.34:
                place = block.frame.at(v, u)
                parked_car(place.turned(rng.normal(0, 0.02)), rng)
            u += rng.uniform(6, 9)


def _apartments(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """Slabs across the block, with lawns, paths and a parking strip between them."""
    slabs = int(half_u * 2 // 26)
    for slab in range(slabs):
        share = (slab + 0.5) / slabs
        u = share * 2 * half_u - half_u
        aside = rng.normal(0, 1)
        height = pick(rng, [9.5, 12.5, 16.0])
        place = at.at(aside, u - 5)
        flat(place.turned(), 5.8, half_v - 4, rng, height=height)
        path = at.along(u + 3.5).turned().box(1.0, half_v)
        path.paint("paving")
        path.plant(0)
        if rng.random() < 0.6:
            strip = at.along(u + 9.5).turned()
            parking(strip, half_v - 2, rng, rows=1)


def _commerce(at: Frame, half_v: float, half_u: float, rng: Random) -> None:
    """A paved yard with one or two halls and a car park in front."""
    yard = at.box(half_v, half_u)
    yard.paint("old_asphalt", fine=0.05, patches=0.08)
    yard.plant(0)
    split = rng.uniform(-0.15, 0.25) * half_u
    back = at.down(-0.32 * half_v)
    for low, high in ((-half_u, split), (split, half_u)):
        width = (high - low) / 2 - 3
        middle = back.along((low + high) / 2)
        building = hall if rng.random() < 0.6 else flat
        height = rng.uniform(6, 9)
        building(middle, 0.56 * half_v, width, rng, height=height)
    front = at.down(0.62 * half_v)
    parking(front, half_u - 3, rng, rows=2)


_BUILDERS = {
    "homes": homes,
    "terraces": terraces,
    "apartments": _apartments,
    "commerce": _commerce,
    "sports": sports,
    "park": park,
}
