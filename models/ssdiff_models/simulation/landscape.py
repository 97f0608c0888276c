"""The landscape: a river between farmland and a town, roads, woods, and the sun over all of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame
from ssdiff_models.simulation.curves import Course, Curve, Swing, course
from ssdiff_models.simulation.farmland import farmstead, fields, power_line
from ssdiff_models.simulation.light import Sun, direct_light
from ssdiff_models.simulation.texture import FloatArray, Random
from ssdiff_models.simulation.town import blocks, build_block, pave
from ssdiff_models.simulation.vegetation import Stand, grow
from ssdiff_models.simulation.waterside import boats, main_road, railway, river

__all__ = ["Landscape", "landscape", "metres_per_pixel"]

_WOOD = Stand(spacing=6.2, radius=(2.6, 4.6), height=15, denser_than=0.5)
_TREES = Stand(spacing=8.0, radius=(1.6, 4.4), height=10)
_SHRUBS = Stand(spacing=3.6, radius=(0.7, 1.8), height=3, denser_than=0.22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What light falls on and what it meets there."""

    reflectance: FloatArray
    """``(channels, rows, cols)``, 0..1."""
    sunlight: FloatArray
    """``(rows, cols)``: direct sunlight, 1 on open flat ground, 0 in full shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where the large things lie."""

    base: Frame
    river: Course
    road: Course
    rails: Course
    half_river: float

    def bridge(self, way: Course) -> tuple[float, float]:
        """Returns where along a road its bridge over the river begins and ends, in metres.

        The stretch is empty where there is no bridge.
        """
        wet = np.abs(self.river.aside) < self.half_river + 4
        over = way.along[(np.abs(way.aside) < 6) & wet]
        return (float(over.min()), float(over.max())) if over.size else (0.0, 0.0)


def landscape(
    *, size: int, grain: float, palette: Mapping[str, FloatArray], seed: int
) -> Landscape:
    """Draws a landscape; the same arguments give the same one.

    Args:
        size: Rows and columns, in pixels.
        grain: Width of a pixel in metres.
        palette: Reflectance ``(channels,)`` of each material of the library.
        seed: Chooses the landscape.
    """
    canvas = Canvas(size=size, grain=grain, palette=palette, rng=_rng(seed, 0))
    plan = _plan(canvas, _rng(seed, 1))
    _countryside(canvas, plan, _rng(seed, 2))
    river(canvas, plan.river, plan.half_river)
    _town(canvas, plan, _rng(seed, 3))
    boats(canvas, plan.river, plan.half_river, _rng(seed, 5))
    railway(canvas, plan.rails, plan.bridge(plan.rails))
    main_road(canvas, plan.road, plan.bridge(plan.road), _rng(seed, 4))
    for number, stand in enumerate((_SHRUBS, _TREES, _WOOD)):
        grow(canvas, stand, _rng(seed, 6 + number))
    wires = plan.base.at(-0.16 * canvas.extent, 0, 0.35)
    power_line(canvas, wires, _side(plan.river.aside, -plan.half_river - 15))
    sunlight = direct_light(canvas.height, grain, Sun())
    return Landscape(reflectance=canvas.reflectance, sunlight=sunlight)


def _rng(seed: int, part: int) -> Random:
    """Gives every part of a landscape its own numbers, so a change in one leaves others alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, part])))


def _side(aside: FloatArray, edge: float) -> FloatArray:
    """Returns 1 where a course's distance is below `edge` metres and 0 beyond, over two metres."""
    return np.clip((np.float32(edge) - aside) / 2 + 0.5, 0, 1).astype(np.float32)


def _plan(canvas: Canvas, rng: Random) -> _Plan:
    extent = canvas.extent
    tilt = rng.uniform(-0.5, 0.5)
    base = Frame(angle=tilt + float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2])))
    across = base.at(0, rng.uniform(-0.16, 0.0) * extent, np.pi / 2)
    bends = Swing(0.035 * extent, 0.9 * extent, rng.uniform(0, 6.3))
    ripples = Swing(0.012 * extent, 0.37 * extent, rng.uniform(0, 6.3))
    # The town grid hangs on the road, so the road is nearly straight.
    road = base.at(rng.uniform(-0.14, 0.14) * extent, 0)
    sway = Swing(1.2, 500.0, rng.uniform(0, 6.3))
    aside = rng.choice([-0.33, 0.36]) * extent
    rails = base.at(aside, 0, rng.uniform(-0.06, 0.06))
    sweep = Swing(9.0, 1900.0, rng.uniform(0, 6.3))
    return _Plan(
        base=base,
        river=course(canvas, Curve(frame=across, swings=(bends, ripples))),
        road=course(canvas, Curve(frame=road, swings=(sway,))),
        rails=course(canvas, Curve(frame=rails, swings=(sweep,))),
        half_river=float(np.clip(0.035 * extent, 8, 26)),
    )


def _countryside(canvas: Canvas, plan: _Plan, rng: Random) -> None:
    everywhere = canvas.box(Frame(), canvas.extent, canvas.extent)
    canvas.paint(everywhere, "meadow", canvas.texture(everywhere, fine=0.12, patches=0.12))
    canvas.paint(everywhere, "dry_grass", 1.0, np.clip(0.1 + 0.25 * canvas.patches, 0, 0.7))
    canvas.plant(everywhere, np.clip(0.02 + 0.17 * canvas.patches, 0, 0.5))
    # The river's distances are negative on the farmland's side.
    region = _side(plan.river.aside, -plan.half_river - 7)
    fields(canvas, plan.base.at(0, 0, rng.uniform(-0.2, 0.2)), region, rng)
    _woods(canvas, region, rng)
    for _ in range(max(1, int(canvas.extent**2 / 4e5))):
        place = _open_place(canvas, plan, rng)
        if place is not None:
            farmstead(canvas, place, rng)


def _woods(canvas: Canvas, region: FloatArray, rng: Random) -> None:
    """Covers a ragged disc of the farmland with forest, over dark ground."""
    v, u = canvas.positions()
    centre_v, centre_u = rng.uniform(-0.5, 0.5, 2) * canvas.extent
    radius = np.hypot(v - np.float32(centre_v), u - np.float32(centre_u))
    distance = radius + np.float32(12) * canvas.patches
    inside = np.clip((0.2 * canvas.extent - distance) / 3 + 0.5, 0, 1)
    wood = canvas.pixels(distance, distance, inside * (region > 0.5))
    canvas.paint(wood, "meadow", 0.6)
    canvas.plant(wood, 0.97)


def _open_place(canvas: Canvas, plan: _Plan, rng: Random) -> Frame | None:
    for _ in range(40):
        v, u = rng.uniform(-0.45, 0.45, 2) * canvas.extent
        at = plan.base.at(v, u, rng.uniform(-0.2, 0.2))
        to_road = abs(plan.road.curve.distance(at.v, at.u))
        to_rails = abs(plan.rails.curve.distance(at.v, at.u))
        dry = plan.river.curve.distance(at.v, at.u) < -plan.half_river - 45
        inside = max(abs(at.v), abs(at.u)) < canvas.extent / 2 - 25
        if dry and inside and min(to_road, to_rails) > 45:
            return at
    return None


def _town(canvas: Canvas, plan: _Plan, rng: Random) -> None:
    def zone(v: float, u: float) -> int:
        road = plan.road.curve.distance(v, u)
        rails = plan.rails.curve.distance(v, u)
        dry = plan.river.curve.distance(v, u) > plan.half_river + 20
        if not dry or abs(road) <= 5 or abs(rails) <= 13:
            return 0
        return 1 + (road > 0) + 2 * (rails > 0)

    grid = plan.road.curve.frame.at(0, 0)
    town = list(blocks(grid, 0.8 * canvas.extent, zone, rng))
    for block in town:
        pave(canvas, block)
    for block in town:
        build_block(canvas, block, rng)


def metres_per_pixel(gsd: float, size: int) -> float:
    """Returns how many metres of landscape a pixel shows: the GSD where houses and fields fit it.

    Pixels wider than 2 m would leave nothing to see, and a scene narrower than 300 m would hold
    one house: both get another scale.
    """
    return max(min(gsd, 2.0), 300 / size)
