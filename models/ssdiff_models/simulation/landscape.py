"""The landscape: a river between farmland and a town, roads, woods, and the sun over all of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.canvas import Canvas, Frame, inside
from ssdiff_models.simulation.chance import Random, generator, pick
from ssdiff_models.simulation.curves import Course, Curve, Swing, course
from ssdiff_models.simulation.farmland import farmstead, fields, power_line
from ssdiff_models.simulation.light import Sun, direct_light
from ssdiff_models.simulation.texture import FloatArray, floats
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


@dataclass(frozen=True, slots=True)
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
        near = abs(way.aside) < 6
        wet = abs(self.river.aside) < self.half_river + 4
        over = way.along[near & wet]
        if over.size == 0:
            return 0.0, 0.0
        return float(over.min()), float(over.max())

    def zone(self, v: float, u: float) -> int:
        """Returns the part of the town, 1 to 4, of a canvas position; 0 where none may be built."""
        road = self.road.curve.distance(v, u)
        rails = self.rails.curve.distance(v, u)
        river = self.river.curve.distance(v, u)
        dry = river > self.half_river + 20
        if not dry or abs(road) <= 5 or abs(rails) <= 13:
            return 0
        return 1 + (road > 0) + 2 * (rails > 0)

    def farmland(self, margin: float) -> FloatArray:
        """Returns 1 on the farmland's side, `margin` metres from the river, and 0 beyond."""
        # The river's distances are negative on the farmland's side.
        return inside(self.river.aside, -self.half_river - margin, 2)


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
    canvas = Canvas(size=size, grain=grain, palette=palette, rng=generator(seed, 0))
    plan = _plan(canvas, generator(seed, 1))
    _countryside(canvas, plan, generator(seed, 2))
    river(plan.river, plan.half_river)
    _town(plan, generator(seed, 3))
    boats(plan.river, plan.half_river, generator(seed, 5))
    railway(plan.rails, plan.bridge(plan.rails))
    main_road(plan.road, plan.bridge(plan.road), generator(seed, 4))
    for number, stand in enumerate((_SHRUBS, _TREES, _WOOD)):
        grow(canvas, stand, generator(seed, 6 + number))
    wires = plan.base.down(-0.16 * canvas.extent).turned(0.35)
    power_line(wires, plan.farmland(15))
    sunlight = direct_light(canvas.height, grain, Sun())
    return Landscape(reflectance=canvas.reflectance, sunlight=sunlight)


def _plan(canvas: Canvas, rng: Random) -> _Plan:
    extent = canvas.extent
    tilt = rng.uniform(-0.5, 0.5)
    quarter = pick(rng, [0, np.pi / 2, np.pi, -np.pi / 2])
    base = Frame(canvas=canvas, angle=tilt + quarter)
    shift = rng.uniform(-0.16, 0.0) * extent
    across = base.along(shift).turned()
    bends = Swing(0.035 * extent, 0.9 * extent, rng.uniform(0, 6.3))
    ripples = Swing(0.012 * extent, 0.37 * extent, rng.uniform(0, 6.3))
    # The town grid hangs on the road, so the road is nearly straight.
    road = base.down(rng.uniform(-0.14, 0.14) * extent)
    sway = Swing(1.2, 500.0, rng.uniform(0, 6.3))
    aside = pick(rng, [-0.33, 0.36]) * extent
    rails = base.down(aside).turned(rng.uniform(-0.06, 0.06))
    sweep = Swing(9.0, 1900.0, rng.uniform(0, 6.3))
    river_course = course(Curve(across, (bends, ripples)))
    road_course = course(Curve(road, (sway,)))
    rails_course = course(Curve(rails, (sweep,)))
    half_river = float(np.clip(0.035 * extent, 8, 26))
    return _Plan(base, river_course, road_course, rails_course, half_river)


def _countryside(canvas: Canvas, plan: _Plan, rng: Random) -> None:
    ground = Frame(canvas=canvas).box(canvas.extent, canvas.extent)
    ground.paint("meadow", fine=0.12, patches=0.12)
    dry = 0.1 + 0.25 * canvas.patches
    ground.paint("dry_grass", 1.0, np.clip(dry, 0, 0.7))
    density = 0.02 + 0.17 * canvas.patches
    ground.plant(np.clip(density, 0, 0.5))
    region = plan.farmland(7)
    axes = plan.base.turned(rng.uniform(-0.2, 0.2))
    fields(axes, region, rng)
    _woods(canvas, region, rng)
    for _ in range(max(1, int(canvas.extent**2 / 4e5))):
        place = _open_place(plan, rng)
        if place is not None:
            farmstead(place, rng)


def _woods(canvas: Canvas, region: FloatArray, rng: Random) -> None:
    """Covers a ragged disc of the farmland with forest, over dark ground."""
    v, u = canvas.positions()
    centre = rng.uniform(-0.5, 0.5, 2) * canvas.extent
    centre_v, centre_u = floats(centre)
    radius = np.hypot(v - centre_v, u - centre_u)
    distance = radius + 12 * canvas.patches
    disc = inside(distance, 0.2 * canvas.extent, 3)
    wood = canvas.pixels(distance, distance, disc * (region > 0.5))
    wood.paint("meadow", 0.6)
    wood.plant(0.97)


def _open_place(plan: _Plan, rng: Random) -> Frame | None:
    """Returns a place on the farmland for a farm, or None when 40 tries find none."""
    extent = plan.base.canvas.extent
    for _ in range(40):
        v, u = rng.uniform(-0.45, 0.45, 2) * extent
        angle = rng.uniform(-0.2, 0.2)
        at = plan.base.at(v, u).turned(angle)
        to_road = abs(plan.road.curve.distance(at.v, at.u))
        to_rails = abs(plan.rails.curve.distance(at.v, at.u))
        to_river = plan.river.curve.distance(at.v, at.u)
        dry = to_river < -plan.half_river - 45
        to_middle = max(abs(at.v), abs(at.u))
        if dry and to_middle < extent / 2 - 25 and min(to_road, to_rails) > 45:
            return at
    return None


def _town(plan: _Plan, rng: Random) -> None:
    grid = plan.road.curve.frame
    reach = 0.8 * grid.canvas.extent
    town = list(blocks(grid, reach, plan.zone, rng))
    for block in town:
        pave(block)
    for block in town:
        build_block(block, rng)


def metres_per_pixel(gsd: float, size: int) -> float:
    """Returns how many metres of landscape a pixel shows: the GSD where houses and fields fit it.

    Pixels wider than 2 m would leave nothing to see, and a scene narrower than 300 m would hold
    one house: both get another scale.
    """
    finest = 300 / size
    return max(min(gsd, 2.0), finest)
