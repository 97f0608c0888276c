"""Farmland: fields with rows, tramlines, tracks and hedges, farmsteads with greenhouses, a power line."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ssdiff_models.simulation.buildings import gable, hall, parked_car
from ssdiff_models.simulation.canvas import Canvas, Frame, Stamp, coverage
from ssdiff_models.simulation.texture import FloatArray
from ssdiff_models.simulation.vegetation import orchard

__all__ = ["Plot", "farmstead", "fields", "power_line"]

_SMALLEST = 62.0
_CROPS = (
    "wheat",
    "maize",
    "beet",
    "rapeseed",
    "ripe_grain",
    "stubble",
    "ploughed",
    "meadow",
    "orchard",
    "vegetables",
)
_SHARES = (0.18, 0.13, 0.12, 0.08, 0.12, 0.1, 0.1, 0.07, 0.05, 0.05)
_GROUND = {
    "ploughed": "soil",
    "stubble": "stubble",
    "ripe_grain": "ripe_grain",
    "orchard": "meadow",
    "vegetables": "moist_soil",
}


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
    depth: int = 0
    """How many cuts made it."""


def fields(canvas: Canvas, frame: Frame, region: FloatArray, rng: np.random.Generator) -> None:
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
        if stamp is None or not (region[stamp.index] * stamp.cover).any():
            continue
        _field(canvas, at, plot, region, rng)


def _parcels(plot: Plot, rng: np.random.Generator) -> Iterator[Plot]:
    """Cuts a plot again and again, across its longer side; some halves stay large."""
    longer, shorter = max(plot.half_u, plot.half_v), min(plot.half_u, plot.half_v)
    if 2 * longer < _SMALLEST * rng.uniform(1.3, 2.6) or (
        longer < 2.4 * shorter and 2 * longer < 200 and rng.random() < 0.18
    ):
        yield plot
        return
    share = rng.uniform(0.36, 0.64)
    for low, high in ((0.0, share), (share, 1.0)):
        yield from _parcels(_part(plot, low, high), rng)


def _part(plot: Plot, low: float, high: float) -> Plot:
    middle, half = low + high - 1, (high - low)
    if plot.half_u >= plot.half_v:
        return Plot(
            v=plot.v,
            u=plot.u + middle * plot.half_u,
            half_v=plot.half_v,
            half_u=half * plot.half_u,
            depth=plot.depth + 1,
        )
    return Plot(
        v=plot.v + middle * plot.half_v,
        u=plot.u,
        half_v=half * plot.half_v,
        half_u=plot.half_u,
        depth=plot.depth + 1,
    )


def _field(
    canvas: Canvas, at: Frame, plot: Plot, region: FloatArray, rng: np.random.Generator
) -> None:
    _border(canvas, at, plot, region, rng)
    margin = rng.choice([1.2, 2.2, 3.4])
    half_v, half_u = plot.half_v - margin, plot.half_u - margin
    # Rows run along the longer side: the frame is turned so that u is that side.
    if half_u < half_v:
        at, half_v, half_u = at.at(0, 0, np.pi / 2), half_u, half_v
    stamp = canvas.box(at.at(0, 0, rng.normal(0, 0.006)), half_v, half_u)
    if stamp is None:
        return
    stamp = stamp.reshaped(stamp.cover * region[stamp.index])
    crop = str(rng.choice(_CROPS, p=_SHARES))
    canvas.plant(stamp, 0.0)
    _grow(canvas, stamp, crop, rng)
    if crop == "stubble":
        _bales(canvas, at, (half_v, half_u), region, rng)


def _border(
    canvas: Canvas, at: Frame, plot: Plot, region: FloatArray, rng: np.random.Generator
) -> None:
    """Draws what runs along one long and one short side of a plot: a track with a grass strip, a hedge, or a ditch."""
    for side, length in (
        (at.at(plot.half_v, 0), plot.half_u),
        (at.at(0, plot.half_u, np.pi / 2), plot.half_v),
    ):
        kind = rng.choice(["track", "hedge", "ditch", "none"], p=[0.34, 0.22, 0.14, 0.3])
        stamp = canvas.box(side, 2.6, length + 1.5)
        if stamp is None or kind == "none":
            continue
        stamp = stamp.reshaped(stamp.cover * region[stamp.index])
        if kind == "track":
            wheels = stamp.reshaped(
                stamp.cover * coverage(np.abs(stamp.v) - np.float32(0.85), 0.5, canvas.grain)
            )
            canvas.paint(stamp, "meadow", canvas.texture(stamp, fine=0.1))
            canvas.paint(wheels, "sand", canvas.texture(stamp, fine=0.06), 0.9)
            canvas.plant(stamp, 0.0)
        elif kind == "ditch":
            canvas.paint(
                stamp.reshaped(stamp.cover * coverage(stamp.v, 0.6, canvas.grain)),
                "river",
                0.9,
                0.8,
            )
        else:
            canvas.plant(stamp, float(rng.choice([0.35, 0.9])))


def _grow(canvas: Canvas, stamp: Stamp, crop: str, rng: np.random.Generator) -> None:
    """Paints a crop: bare ground, then plants whose vigour follows the ground and whose rows run along u."""
    vigour = _vigour(canvas, stamp, rng)
    shade = canvas.texture(stamp, fine=0.05, patches=0.07) * np.float32(rng.normal(1, 0.09))
    ground = _GROUND.get(crop, "soil")
    canvas.paint(stamp, ground, shade)
    if ground in {"soil", "moist_soil"}:
        canvas.paint(
            stamp, "moist_soil", shade, np.clip(0.3 + 0.45 * canvas.patches[stamp.index], 0, 0.85)
        )
    if crop == "orchard":
        orchard(canvas, stamp, (6.0, 4.2), "broadleaf")
    elif crop == "vegetables":
        _beds(canvas, stamp, rng)
    elif crop in _GROUND:
        canvas.paint(
            stamp,
            "moist_soil",
            shade,
            _rows(canvas, stamp, rng) * (0.35 if crop == "ploughed" else 0.12),
        )
    else:
        canvas.paint(
            stamp, crop, shade, vigour * (1 - rng.uniform(0.1, 0.5) * _rows(canvas, stamp, rng))
        )
    if crop in {"wheat", "rapeseed", "beet", "ripe_grain"}:
        _tramlines(canvas, stamp, rng)


def _vigour(canvas: Canvas, stamp: Stamp, rng: np.random.Generator) -> FloatArray:
    level = rng.uniform(0.62, 0.97)
    share = level + 0.11 * canvas.patches[stamp.index] + 0.03 * canvas.fine[stamp.index]
    return np.asarray(np.clip(share, 0.05, 1), dtype=np.float32)


def _rows(canvas: Canvas, stamp: Stamp, rng: np.random.Generator) -> FloatArray:
    """Returns the share of bare ground between rows, 0..1, a little bent and never finer than the pixels can show."""
    spacing = max(float(rng.uniform(1.4, 3.4)), 2.7 * canvas.grain)
    bend = (
        np.float32(0.35) * canvas.patches[stamp.index] + np.float32(0.08) * canvas.fine[stamp.index]
    )
    wave = np.sin(np.float32(2 * np.pi / spacing) * (stamp.v + bend))
    return np.asarray(0.5 + 0.5 * wave, dtype=np.float32)


def _tramlines(canvas: Canvas, stamp: Stamp, rng: np.random.Generator) -> None:
    """Draws the pairs of wheel tracks that a sprayer leaves at every width of its boom."""
    period = float(rng.choice([18.0, 24.0, 27.0]))
    place = np.mod(stamp.v + np.float32(period * rng.random()), np.float32(period)) - np.float32(
        period / 2
    )
    wheels = coverage(np.abs(place) - np.float32(0.95), 0.22, canvas.grain)
    canvas.paint(stamp.reshaped(stamp.cover * wheels), "soil", 0.95, 0.85)


def _beds(canvas: Canvas, stamp: Stamp, rng: np.random.Generator) -> None:
    """Paints strips of different vegetables, some under white fleece."""
    width = float(rng.uniform(5, 9))
    number = np.floor(stamp.v / np.float32(width)).astype(np.intp)
    kinds = rng.choice(4, size=4096, p=[0.42, 0.34, 0.22, 0.02])[number % 4096]
    inner = coverage(
        np.mod(stamp.v, np.float32(width)) - np.float32(width / 2), 0.42 * width, canvas.grain
    )
    rows = 1 - 0.5 * _rows(canvas, stamp, rng)
    for kind, material in enumerate(("beet", "maize", "meadow", "white_paint")):
        canvas.paint(
            stamp,
            material,
            canvas.texture(stamp, fine=0.06),
            inner * (kinds == kind) * (0.7 if kind == 3 else rows),
        )


def _bales(
    canvas: Canvas,
    at: Frame,
    half: tuple[float, float],
    region: FloatArray,
    rng: np.random.Generator,
) -> None:
    for _ in range(int(half[0] * half[1] / 90)):
        bale = canvas.box(
            at.at(
                rng.uniform(-half[0], half[0]) * 0.9,
                rng.uniform(-half[1], half[1]) * 0.95,
                rng.normal(0, 0.2),
            ),
            0.8,
            1.1,
        )
        if bale is not None:
            bale = bale.reshaped(bale.cover * region[bale.index])
            canvas.paint(bale, "ripe_grain", 1.1)
            canvas.build(bale, 1.4)


def farmstead(canvas: Canvas, at: Frame, rng: np.random.Generator) -> None:
    """Draws a farm: a yard, a house, barns, greenhouses and a row of trees at the back."""
    yard = canvas.box(at, 27, 36)
    if yard is None:
        return
    canvas.paint(yard, "meadow", canvas.texture(yard, fine=0.1, patches=0.06))
    canvas.plant(yard, 0.06)
    paved = canvas.box(at.at(2, 0), 9, 27)
    if paved is not None:
        canvas.paint(paved, "gravel", canvas.texture(paved, fine=0.09))
        canvas.plant(paved, 0)
    gable(canvas, at.at(-16, -16), (5, 8), rng, eaves=4.5)
    hall(canvas, at.at(-15, 14), (8, 15), rng)
    gable(canvas, at.at(17, -18), (6, 13), rng, eaves=5)
    for k in range(3):
        greenhouse(canvas, at.at(19, 4 + 11.0 * k, np.pi / 2), (4, 9))
    for _ in range(3):
        parked_car(
            canvas, at.at(rng.uniform(-4, 8), rng.uniform(-22, 22), rng.uniform(0, np.pi)), rng
        )


def greenhouse(canvas: Canvas, at: Frame, half: tuple[float, float]) -> None:
    """Draws a greenhouse: panes and bars along its ridge, plants shining through."""
    stamp = canvas.box(at, *half)
    if stamp is None:
        return
    canvas.paint(stamp, "glass", canvas.texture(stamp, fine=0.05))
    bars = coverage(np.mod(stamp.u, np.float32(3.0)) - np.float32(1.5), 0.25, canvas.grain)
    canvas.paint(stamp.reshaped(stamp.cover * bars), "beet", 0.8, 0.75)
    canvas.build(stamp, np.asarray(2 + (half[0] - np.abs(stamp.v)) * 0.35, dtype=np.float32))
    canvas.plant(stamp, 0)


def power_line(canvas: Canvas, at: Frame, region: FloatArray, span: float = 95.0) -> None:
    """Draws a power line along a frame's u axis: three wires, and pylons that cast shadows."""
    reach = 0.75 * canvas.extent
    for aside in (-4.5, 0.0, 4.5):
        wire = canvas.box(at.at(aside, 0), 0.07, reach)
        if wire is not None:
            canvas.paint(wire.reshaped(wire.cover * region[wire.index]), "silver_paint", 1.3, 1.0)
    for k in range(-int(reach / span), int(reach / span) + 1):
        for half_v, half_u, height in ((5.5, 0.3, 0.0), (0.6, 0.6, 21.0)):
            pylon = canvas.box(at.at(0, (k + 0.3) * span), half_v, half_u)
            if pylon is not None:
                pylon = pylon.reshaped(pylon.cover * region[pylon.index])
                canvas.paint(pylon, "silver_paint", 1.1, 0.8)
                canvas.build(pylon, height)
