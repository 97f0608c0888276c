"""Farmland: fields with rows, tramlines, tracks and hedges, farmsteads, a power line."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.buildings import gable, hall, parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Half, Stamp, coverage, stripes
from ssdiff_models.simulation.texture import FloatArray, Random
from ssdiff_models.simulation.vegetation import orchard

__all__ = ["Plot", "farmstead", "fields", "power_line"]

_SMALLEST = 62.0
"""Width in metres below which no field is cut."""
_CROPS = {
    "wheat": 0.18,
    "maize": 0.13,
    "beet": 0.12,
    "rapeseed": 0.08,
    "ripe_grain": 0.12,
    "stubble": 0.1,
    "ploughed": 0.1,
    "meadow": 0.07,
    "orchard": 0.05,
    "vegetables": 0.05,
}
"""How often each crop grows on a field."""
_GROUND = {
    "ploughed": "soil",
    "stubble": "stubble",
    "ripe_grain": "ripe_grain",
    "orchard": "meadow",
    "vegetables": "moist_soil",
}
_SPRAYED = {"wheat", "rapeseed", "beet", "ripe_grain"}
_BORDERS = {"track": 0.34, "hedge": 0.22, "ditch": 0.14, "none": 0.3}
"""How often each thing runs along the side of a field."""


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


def fields(canvas: Canvas, frame: Frame, region: FloatArray, rng: Random) -> None:
    """Covers a region with fields.

    Args:
        canvas: The canvas.
        frame: Axes of the fields' borders.
        region: ``(rows, cols)``: 1 inside the region, 0 outside.
        rng: Source of the layout.
    """
    reach = 0.75 * canvas.extent
    for plot in _parcels(Plot(v=0, u=0, half_v=reach, half_u=reach), rng):
        at = frame.at(plot.v, plot.u)
        stamp = canvas.box(at, plot.half_v, plot.half_u)
        if _inside(stamp, region).cover.any():
            _field(canvas, at, plot, region, rng)


def _inside(stamp: Stamp, region: FloatArray) -> Stamp:
    return stamp.masked(region[stamp.index])


def _parcels(plot: Plot, rng: Random) -> Iterator[Plot]:
    """Cuts a plot again and again, across its longer side; some halves stay large."""
    longer = max(plot.half_u, plot.half_v)
    shorter = min(plot.half_u, plot.half_v)
    if 2 * longer < _SMALLEST * rng.uniform(1.3, 2.6):
        yield plot
        return
    if longer < 2.4 * shorter and 2 * longer < 200 and rng.random() < 0.18:
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
        return Plot(v=plot.v, u=u, half_v=plot.half_v, half_u=half * plot.half_u)
    v = plot.v + middle * plot.half_v
    return Plot(v=v, u=plot.u, half_v=half * plot.half_v, half_u=plot.half_u)


def _field(canvas: Canvas, at: Frame, plot: Plot, region: FloatArray, rng: Random) -> None:
    _borders(canvas, at, plot, region, rng)
    margin = rng.choice([1.2, 2.2, 3.4])
    half = (plot.half_v - margin, plot.half_u - margin)
    # Rows run along the longer side: the frame is turned so that u is that side.
    if half[1] < half[0]:
        at = at.turned()
        half = (half[1], half[0])
    stamp = canvas.box(at.at(0, 0, rng.normal(0, 0.006)), *half)
    if stamp.empty:
        return
    stamp = _inside(stamp, region)
    crop = str(rng.choice(list(_CROPS), p=list(_CROPS.values())))
    canvas.plant(stamp, 0.0)
    _grow(canvas, stamp, crop, rng)
    if crop == "stubble":
        _bales(canvas, at, half, region, rng)


def _borders(canvas: Canvas, at: Frame, plot: Plot, region: FloatArray, rng: Random) -> None:
    """Draws what runs along one long and one short side of a plot."""
    far = at.at(plot.half_v, 0)
    right = at.at(0, plot.half_u, np.pi / 2)
    for side, length in ((far, plot.half_u), (right, plot.half_v)):
        kind = str(rng.choice(list(_BORDERS), p=list(_BORDERS.values())))
        stamp = canvas.box(side, 2.6, length + 1.5)
        if not stamp.empty:
            _border(canvas, _inside(stamp, region), kind, rng)


def _border(canvas: Canvas, stamp: Stamp, kind: str, rng: Random) -> None:
    """Draws a track with a grass strip, a ditch, or a hedge."""
    if kind == "track":
        wheel = np.abs(stamp.v) - 0.85
        wheels = stamp.masked(coverage(wheel, 0.5, canvas.grain))
        canvas.paint(stamp, "meadow", canvas.texture(stamp, fine=0.1))
        canvas.paint(wheels, "sand", canvas.texture(stamp, fine=0.06), 0.9)
        canvas.plant(stamp, 0.0)
    elif kind == "ditch":
        canvas.paint(stamp.masked(coverage(stamp.v, 0.6, canvas.grain)), "river", 0.9, 0.8)
    elif kind == "hedge":
        canvas.plant(stamp, float(rng.choice([0.35, 0.9])))


def _grow(canvas: Canvas, stamp: Stamp, crop: str, rng: Random) -> None:
    """Paints bare ground, then plants with the ground's vigour in rows along u."""
    vigour = _vigour(canvas, stamp, rng)
    shade = canvas.texture(stamp, fine=0.05, patches=0.07) * np.float32(rng.normal(1, 0.09))
    ground = _GROUND.get(crop, "soil")
    canvas.paint(stamp, ground, shade)
    if ground in {"soil", "moist_soil"}:
        moisture = np.clip(0.3 + 0.45 * canvas.patches[stamp.index], 0, 0.85)
        canvas.paint(stamp, "moist_soil", shade, moisture)
    if crop == "orchard":
        orchard(canvas, stamp, (6.0, 4.2), "broadleaf")
    elif crop == "vegetables":
        _beds(canvas, stamp, rng)
    elif crop in _GROUND:
        furrow = 0.35 if crop == "ploughed" else 0.12
        canvas.paint(stamp, "moist_soil", shade, _rows(canvas, stamp, rng) * furrow)
    else:
        gap = rng.uniform(0.1, 0.5)
        canvas.paint(stamp, crop, shade, vigour * (1 - gap * _rows(canvas, stamp, rng)))
    if crop in _SPRAYED:
        _tramlines(canvas, stamp, rng)


def _vigour(canvas: Canvas, stamp: Stamp, rng: Random) -> FloatArray:
    level = rng.uniform(0.62, 0.97)
    share = level + 0.11 * canvas.patches[stamp.index] + 0.03 * canvas.fine[stamp.index]
    return np.asarray(np.clip(share, 0.05, 1), dtype=np.float32)


def _rows(canvas: Canvas, stamp: Stamp, rng: Random) -> FloatArray:
    """Returns the share of bare ground between rows, 0..1, never finer than pixels can show."""
    spacing = max(float(rng.uniform(1.4, 3.4)), 2.7 * canvas.grain)
    wide = 0.35 * canvas.patches[stamp.index]
    bend = wide + 0.08 * canvas.fine[stamp.index]
    wave = np.sin((2 * np.pi / spacing) * (stamp.v + bend))
    return np.asarray(0.5 + 0.5 * wave, dtype=np.float32)


def _tramlines(canvas: Canvas, stamp: Stamp, rng: Random) -> None:
    """Draws the pairs of wheel tracks that a sprayer leaves at every width of its boom."""
    period = float(rng.choice([18.0, 24.0, 27.0]))
    shifted = np.mod(stamp.v + np.float32(period * rng.random()), period)
    wheel = np.abs(shifted - (period / 2)) - 0.95
    canvas.paint(stamp.masked(coverage(wheel, 0.22, canvas.grain)), "soil", 0.95, 0.85)


def _beds(canvas: Canvas, stamp: Stamp, rng: Random) -> None:
    """Paints strips of different vegetables, some under white fleece."""
    width = float(rng.uniform(5, 9))
    number = np.floor(stamp.v / width).astype(np.intp)
    kinds = rng.choice(4, size=4096, p=[0.42, 0.34, 0.22, 0.02])[number % 4096]
    inner = stripes(stamp.v, width, 0.42 * width, canvas.grain)
    rows = 1 - 0.5 * _rows(canvas, stamp, rng)
    for kind, material in enumerate(("beet", "maize", "meadow", "white_paint")):
        dense = 0.7 if material == "white_paint" else rows
        shade = canvas.texture(stamp, fine=0.06)
        canvas.paint(stamp, material, shade, inner * (kinds == kind) * dense)


def _bales(canvas: Canvas, at: Frame, half: Half, region: FloatArray, rng: Random) -> None:
    for _ in range(int(half[0] * half[1] / 90)):
        v = rng.uniform(-half[0], half[0]) * 0.9
        u = rng.uniform(-half[1], half[1]) * 0.95
        bale = _inside(canvas.box(at.at(v, u, rng.normal(0, 0.2)), 0.8, 1.1), region)
        canvas.paint(bale, "ripe_grain", 1.1)
        canvas.build(bale, 1.4)


def farmstead(canvas: Canvas, at: Frame, rng: Random) -> None:
    """Draws a farm: a yard, a house, barns, greenhouses and cars."""
    yard = canvas.box(at, 27, 36)
    if yard.empty:
        return
    canvas.pave(yard, "meadow", fine=0.1, patches=0.06, trees=0.06)
    canvas.pave(canvas.box(at.at(2, 0), 9, 27), "gravel", fine=0.09)
    gable(canvas, at.at(-16, -16), (5, 8), rng, eaves=4.5)
    hall(canvas, at.at(-15, 14), (8, 15), rng)
    gable(canvas, at.at(17, -18), (6, 13), rng, eaves=5)
    for place in range(3):
        greenhouse(canvas, at.at(19, 4 + 11.0 * place, np.pi / 2), (4, 9))
    for _ in range(3):
        v = rng.uniform(-4, 8)
        u = rng.uniform(-22, 22)
        parked_car(canvas, at.at(v, u, rng.uniform(0, np.pi)), rng)


def greenhouse(canvas: Canvas, at: Frame, half: Half) -> None:
    """Draws a greenhouse: panes and bars along its ridge, plants shining through."""
    roof = canvas.box(at, *half)
    canvas.paint(roof, "glass", canvas.texture(roof, fine=0.05))
    canvas.paint(roof.masked(stripes(roof.u, 3.0, 0.25, canvas.grain)), "beet", 0.8, 0.75)
    canvas.build(roof, 2 + (half[0] - np.abs(roof.v)) * 0.35)
    canvas.plant(roof, 0)


def power_line(canvas: Canvas, at: Frame, region: FloatArray, span: float = 95.0) -> None:
    """Draws three wires along a frame's u axis, and pylons that cast shadows.

    Args:
        canvas: The canvas.
        at: The line's axes.
        region: ``(rows, cols)``: 1 where the line runs, 0 elsewhere.
        span: Distance between pylons in metres.
    """
    reach = 0.75 * canvas.extent
    for aside in (-4.5, 0.0, 4.5):
        wire = _inside(canvas.box(at.at(aside, 0), 0.07, reach), region)
        canvas.paint(wire, "silver_paint", 1.3)
    for number in range(-int(reach / span), int(reach / span) + 1):
        place = at.at(0, (number + 0.3) * span)
        for half_v, half_u, height in ((5.5, 0.3, 0.0), (0.6, 0.6, 21.0)):
            pylon = _inside(canvas.box(place, half_v, half_u), region)
            canvas.paint(pylon, "silver_paint", 1.1, 0.8)
            canvas.build(pylon, height)
