"""Farmland: fields and what runs between them, farmsteads, a power line."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ssdiff_models.simulation.buildings import gable, hall, parked_car
from ssdiff_models.simulation.canvas import Frame, Stamp, wave
from ssdiff_models.simulation.chance import Random, draw, pick
from ssdiff_models.simulation.texture import FloatArray, floats
from ssdiff_models.simulation.vegetation import orchard

__all__ = ["Plot", "farmstead", "fields", "power_line"]

_SMALLEST = 62.0
"""Width in metres below which no field is cut."""
_GROUND = {
    "ploughed": "soil",
    "stubble": "stubble",
    "ripe_grain": "ripe_grain",
    "orchard": "meadow",
    "vegetables": "moist_soil",
}
_SPRAYED = {"wheat", "rapeseed", "beet", "ripe_grain"}
_BEDS = {"beet": 0.42, "maize": 0.34, "meadow": 0.22, "white_paint": 0.02}
"""How often each thing, fleece being the white one, covers a bed of vegetables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A rectangle of land in a frame."""

    v: float
    """Middle, in metres down the frame."""
    u: float
    """Middle, in metres along the frame."""
    half_v: float
    """Half its height in metres."""
    half_u: float
    """Half its width in metres."""


def fields(frame: Frame, region: FloatArray, rng: Random) -> None:
    """Covers a region ``(rows, cols)``, 0..1, with fields whose borders follow the frame."""
    reach = 0.75 * frame.canvas.extent
    everything = Plot(v=0, u=0, half_v=reach, half_u=reach)
    for plot in _parcels(everything, rng):
        at = frame.at(plot.v, plot.u)
        stamp = at.box(plot.half_v, plot.half_u)
        if _inside(stamp, region).cover.any():
            _borders(at, plot, region, rng)
            _field(at, plot, region, rng)


def _inside(stamp: Stamp, region: FloatArray) -> Stamp:
    return stamp.masked(region[stamp.index])


def _parcels(plot: Plot, rng: Random) -> Iterator[Plot]:
    """Cuts a plot again and again, across its longer side; some halves stay large."""
    longer = max(plot.half_u, plot.half_v)
    shorter = min(plot.half_u, plot.half_v)
    small = 2 * longer < _SMALLEST * rng.uniform(1.3, 2.6)
    compact = longer < 2.4 * shorter and 2 * longer < 200
    if small or (compact and rng.random() < 0.18):
        yield plot
        return
    share = rng.uniform(0.36, 0.64)
    yield from _parcels(_part(plot, 0.0, share), rng)
    yield from _parcels(_part(plot, share, 1.0), rng)


def _part(plot: Plot, low: float, high: float) -> Plot:
    middle = low + high - 1
    half = high - low
    if plot.half_u >= plot.half_v:
        u = plot.u + middle * plot.half_u
        return replace(plot, u=u, half_u=half * plot.half_u)
    v = plot.v + middle * plot.half_v
    return replace(plot, v=v, half_v=half * plot.half_v)


def _field(at: Frame, plot: Plot, region: FloatArray, rng: Random) -> None:
    margin = pick(rng, [1.2, 2.2, 3.4])
    half_v = plot.half_v - margin
    half_u = plot.half_u - margin
    # Rows run along the longer side: the frame is turned so that u is that side.
    if half_u < half_v:
        at = at.turned()
        half_v, half_u = half_u, half_v
    askew = at.turned(rng.normal(0, 0.006))
    box = askew.box(half_v, half_u)
    if box.empty:
        return
    field = _inside(box, region)
    crop = draw(rng, "crops")
    _grow(field, crop, rng)
    if crop == "stubble":
        for _ in range(int(half_v * half_u / 90)):
            v = rng.uniform(-half_v, half_v) * 0.9
            u = rng.uniform(-half_u, half_u) * 0.95
            place = at.at(v, u).turned(rng.normal(0, 0.2))
            bale = _inside(place.box(0.8, 1.1), region)
            bale.paint("ripe_grain", 1.1)
            bale.build(1.4)


def _grow(field: Stamp, crop: str, rng: Random) -> None:
    """Paints bare ground, then plants with the ground's vigour in rows along u."""
    field.plant(0.0)
    level = rng.uniform(0.62, 0.97)
    share = level + 0.11 * field.patches + 0.03 * field.fine
    vigour = np.clip(share, 0.05, 1)
    tone = rng.normal(1, 0.09)
    shade = field.texture(fine=0.05, patches=0.07) * tone
    ground = _GROUND.get(crop, "soil")
    field.paint(ground, shade)
    if ground in {"soil", "moist_soil"}:
        moisture = 0.3 + 0.45 * field.patches
        field.paint("moist_soil", shade, np.clip(moisture, 0, 0.85))
    if crop == "orchard":
        orchard(field, (6.0, 4.2), "broadleaf")
    elif crop == "vegetables":
        _beds(field, rng)
    elif crop in _GROUND:
        furrow = 0.35 if crop == "ploughed" else 0.12
        field.paint("moist_soil", shade, _gaps(field, rng) * furrow)
    else:
        gap = rng.uniform(0.1, 0.5)
        plants = 1 - gap * _gaps(field, rng)
        field.paint(crop, shade, vigour * plants)
    if crop in _SPRAYED:
        _tramlines(field, rng)


def _gaps(field: Stamp, rng: Random) -> FloatArray:
    """Returns the share of bare ground between rows, 0..1, never finer than pixels can show."""
    wanted = rng.uniform(1.4, 3.4)
    spacing = max(wanted, 2.7 * field.canvas.grain)
    bend = 0.35 * field.patches + 0.08 * field.fine
    rows = wave(field.v + bend, spacing)
    return floats(0.5 + 0.5 * rows)


def _tramlines(field: Stamp, rng: Random) -> None:
    """Draws the pairs of wheel tracks that a sprayer leaves at every width of its boom."""
    period = pick(rng, [18.0, 24.0, 27.0])
    start = period * rng.random()
    shifted = (field.v + start) % period
    middle = abs(shifted - period / 2)
    wheels = field.line(middle - 0.95, 0.22)
    wheels.paint("soil", 0.95, 0.85)


def _beds(field: Stamp, rng: Random) -> None:
    """Paints strips of different vegetables, some under white fleece."""
    width = rng.uniform(5, 9)
    numbers = np.floor(field.v / width).astype(np.intp)
    kinds = rng.choice(4, size=4096, p=list(_BEDS.values()))
    kind_of = kinds[numbers % 4096]
    beds = field.stripes(field.v, width, 0.42 * width)
    rows = 1 - 0.5 * _gaps(field, rng)
    for kind, material in enumerate(_BEDS):
        dense = 0.7 if material == "white_paint" else rows
        here = beds * (kind_of == kind)
        field.paint(material, 1.0, here * dense, fine=0.06)


def _borders(at: Frame, plot: Plot, region: FloatArray, rng: Random) -> None:
    """Draws a track, a ditch, a hedge or nothing along one long and one short side of a plot."""
    far = at.down(plot.half_v)
    right = at.along(plot.half_u).turned()
    for side, length in ((far, plot.half_u), (right, plot.half_v)):
        kind = draw(rng, "borders")
        strip = side.box(2.6, length + 1.5)
        if strip.empty:
            continue
        border = _inside(strip, region)
        if kind == "track":
            border.paint("meadow", fine=0.1)
            wheels = border.line(abs(border.v) - 0.85, 0.5)
            wheels.paint("sand", 1.0, 0.9, fine=0.06)
            border.plant(0.0)
        elif kind == "ditch":
            water = border.line(border.v, 0.6)
            water.paint("river", 0.9, 0.8)
        elif kind == "hedge":
            border.plant(pick(rng, [0.35, 0.9]))


def farmstead(at: Frame, rng: Random) -> None:
    """Draws a farm: a yard, a house, barns, greenhouses and cars."""
    yard = at.box(27, 36)
    if yard.empty:
        return
    yard.paint("meadow", fine=0.1, patches=0.06)
    yard.plant(0.06)
    drive = at.down(2).box(9, 27)
    drive.paint("gravel", fine=0.09)
    drive.plant(0)
    gable(at.at(-16, -16), 5, 8, rng, eaves=4.5)
    hall(at.at(-15, 14), 8, 15, rng)
    gable(at.at(17, -18), 6, 13, rng, eaves=5)
    for u in (4.0, 15.0, 26.0):
        greenhouse = at.at(19, u).turned().box(4, 9)
        greenhouse.paint("glass", fine=0.05)
        # Plants shine through the panes.
        panes = greenhouse.stripes(greenhouse.u, 3.0, 0.25)
        greenhouse.masked(panes).paint("beet", 0.8, 0.75)
        depth = 4 - abs(greenhouse.v)
        greenhouse.build(2 + 0.35 * depth)
        greenhouse.plant(0)
    for _ in range(3):
        v = rng.uniform(-4, 8)
        u = rng.uniform(-22, 22)
        angle = rng.uniform(0, np.pi)
        parked_car(at.at(v, u).turned(angle), rng)


def power_line(at: Frame, region: FloatArray, span: float = 95.0) -> None:
    """Draws three wires along u, and pylons every `span` metres, in a region ``(rows, cols)``."""
    reach = 0.75 * at.canvas.extent
    for aside in (-4.5, 0.0, 4.5):
        wire = at.down(aside).box(0.07, reach)
        _inside(wire, region).paint("silver_paint", 1.3)
    farthest = int(reach / span)
    for number in range(-farthest, farthest + 1):
        u = (number + 0.3) * span
        for half_v, half_u, height in ((5.5, 0.3, 0.0), (0.6, 0.6, 21.0)):
            pylon = at.along(u).box(half_v, half_u)
            part = _inside(pylon, region)
            part.paint("silver_paint", 1.1, 0.8)
            part.build(height)
