"""Trees: crowns on a jittered lattice, each with its own place, size, species and lumps."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.canvas import Canvas, Stamp, inside
from ssdiff_models.simulation.chance import Random
from ssdiff_models.simulation.texture import FloatArray, floats, fractal

__all__ = ["Stand", "grow", "orchard"]

_SPECIES = ("broadleaf", "conifer", "autumn_leaf", "broadleaf")
_STEPS = (-1, 0, 1)

IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A kind of tree population."""

    spacing: float
    """Width in metres of the lattice's cells; a cell holds one tree at most."""
    radius: tuple[float, float]
    """Smallest and largest crown radius in metres, at most 0.75 spacings."""
    height: float
    """Height of the largest tree in metres."""
    denser_than: float = 0.0
    """Grows only where the canvas wants trees at least this densely (0..1)."""


@dataclass(frozen=True, slots=True)
class _Lattice:
    """The trees of a stand, one for each cell."""

    v: FloatArray
    u: FloatArray
    radius: FloatArray
    species: IndexArray
    shade: FloatArray


def grow(canvas: Canvas, stand: Stand, rng: Random) -> None:
    """Grows a stand wherever the canvas' tree density lets it.

    Crowns are painted and raise the canvas' height.
    """
    lattice = _lattice(canvas, stand, rng)
    lumps = fractal(rng, canvas.shape, 2.6 / canvas.grain, 2)
    domes, row, col = _crowns(canvas, stand, lattice, lumps)
    rows, cols = np.nonzero(domes > 0)
    pixels = (rows, cols)
    dome = domes[pixels]
    lump = lumps[pixels]
    tree = (row[pixels], col[pixels])
    radius = lattice.radius[tree]
    thickness = radius * dome * dome / canvas.grain
    cover = np.clip(thickness + 0.3, 0, 1)
    stamp = Stamp(canvas, pixels, dome, dome, floats(cover))
    lumpy = np.clip(1 + 0.2 * lump, 0.45, 1.6)
    shade = lattice.shade[tree] * (0.72 + 0.3 * dome) * lumpy
    species = lattice.species[tree]
    for number, material in enumerate(_SPECIES):
        stamp.paint(material, shade, species == number)
    _, largest = stand.radius
    tallest = stand.height * (radius / largest)
    top = tallest * (0.35 + 0.65 * dome + 0.07 * lump)
    canvas.height[pixels] = np.maximum(canvas.height[pixels], top)


def _lattice(canvas: Canvas, stand: Stand, rng: Random) -> _Lattice:
    count = int(canvas.extent / stand.spacing) + 4
    shape = (count, count)
    cells = (np.arange(count) - 1.5) * stand.spacing
    origin = cells - canvas.extent / 2
    down = rng.uniform(0.08, 0.92, shape)
    v = floats(origin[:, None] + down * stand.spacing)
    right = rng.uniform(0.08, 0.92, shape)
    u = floats(origin[None, :] + right * stand.spacing)
    density = canvas.trees[_pixel(canvas, v), _pixel(canvas, u)]
    dense = density >= stand.denser_than
    grows = dense & (rng.random(shape) < density)
    smallest, largest = stand.radius
    radius = np.where(grows, rng.uniform(smallest, largest, shape), 0)
    own = rng.integers(0, len(_SPECIES), shape)
    # Species clump: a neighbour on the coarser lattice passes its own on.
    coarser = np.arange(count) // 6
    clumped = own[coarser[:, None], coarser]
    follows = rng.random(shape) < 0.6
    species = np.where(follows, clumped, own)
    shade = rng.normal(1, 0.13, shape)
    return _Lattice(v, u, floats(radius), species, floats(shade))


def _pixel(canvas: Canvas, position: FloatArray) -> IndexArray:
    pixel = (position + canvas.extent / 2) / canvas.grain
    inner = np.clip(pixel, 0, canvas.size - 1)
    return np.asarray(inner, dtype=np.intp)


def _crowns(
    canvas: Canvas, stand: Stand, lattice: _Lattice, lumps: FloatArray
) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Returns the relative height of the tallest crown over each pixel, and its tree's cell.

    The height is 0 where there is no crown.
    """
    v, u = canvas.positions()
    cell_v = _cell(canvas, stand, v)
    cell_u = _cell(canvas, stand, u)
    tallest = np.zeros(canvas.shape, np.float32)
    row = np.zeros(canvas.shape, np.intp)
    col = np.zeros(canvas.shape, np.intp)
    ragged = 1 + 0.16 * lumps
    thinnest = 1e-3
    last = len(lattice.v) - 1
    for i, j in product(_STEPS, _STEPS):
        near_v = np.clip(cell_v + i, 0, last)
        near_u = np.clip(cell_u + j, 0, last)
        cells = (near_v, near_u)
        down = lattice.v[cells] - v
        right = lattice.u[cells] - u
        radius = lattice.radius[cells] * ragged
        squared = (down**2 + right**2) / np.maximum(radius, thinnest) ** 2
        dome = np.sqrt(np.maximum(1 - squared, 0))
        radius_so_far = np.maximum(lattice.radius[row, col], thinnest)
        taller = dome * radius > tallest * radius_so_far
        tallest = np.where(taller, dome, tallest)
        row = np.where(taller, near_v, row)
        col = np.where(taller, near_u, col)
    return tallest, row, col


def _cell(canvas: Canvas, stand: Stand, position: FloatArray) -> IndexArray:
    cells = (position + canvas.extent / 2) / stand.spacing
    return (cells + 1.5).astype(np.intp)


def orchard(stamp: Stamp, spacing: tuple[float, float], material: str) -> None:
    """Plants rows of equal round crowns, `spacing` metres apart down and along the frame."""
    down, along = spacing
    v = stamp.v % down - down / 2
    u = stamp.u % along - along / 2
    ragged = 1 + 0.12 * stamp.fine
    radius = 0.4 * min(spacing) * ragged
    distance = np.hypot(v, u)
    crowns = stamp.masked(inside(distance, radius, stamp.canvas.grain))
    crowns.paint(material, fine=0.15)
    relative = distance / np.maximum(radius, 0.1)
    dome = np.sqrt(np.maximum(1 - relative**2, 0))
    crowns.build(1 + 2.4 * dome)
