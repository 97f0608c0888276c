"""Trees: crowns on a jittered lattice, each with its own place, size, species and lumps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.canvas import Canvas, Stamp
from ssdiff_models.simulation.texture import FloatArray, Random, fractal

__all__ = ["Stand", "grow", "orchard"]

_SPECIES = ("broadleaf", "conifer", "autumn_leaf", "broadleaf")
_NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))

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


@dataclass(frozen=True, slots=True, kw_only=True)
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
    lumps = fractal(rng, (canvas.size, canvas.size), 2.6 / canvas.grain, 2)
    tallest, row, col = _crowns(canvas, stand, lattice, lumps)
    rows, cols = np.nonzero(tallest > 0)
    dome = tallest[rows, cols]
    lump = lumps[rows, cols]
    tree = row[rows, cols], col[rows, cols]
    radius = lattice.radius[tree]
    thickness = np.clip(radius * dome * dome / canvas.grain + 0.3, 0, 1)
    nowhere = np.zeros_like(dome)
    crowns = Stamp(index=(rows, cols), v=nowhere, u=nowhere, cover=thickness.astype(np.float32))
    lumpy = np.clip(1 + 0.2 * lump, 0.45, 1.6)
    shade = lattice.shade[tree] * (0.72 + 0.3 * dome) * lumpy
    for number, material in enumerate(_SPECIES):
        canvas.paint(crowns, material, shade, opacity=lattice.species[tree] == number)
    size = radius / stand.radius[1]
    top = stand.height * size * (0.35 + 0.65 * dome + 0.07 * lump)
    canvas.height[rows, cols] = np.maximum(canvas.height[rows, cols], top)


def _lattice(canvas: Canvas, stand: Stand, rng: Random) -> _Lattice:
    count = int(canvas.extent / stand.spacing) + 4
    shape = (count, count)
    origin = (np.arange(count) - 1.5) * stand.spacing - canvas.extent / 2
    v = (origin[:, None] + rng.uniform(0.08, 0.92, shape) * stand.spacing).astype(np.float32)
    u = (origin[None, :] + rng.uniform(0.08, 0.92, shape) * stand.spacing).astype(np.float32)
    density = canvas.trees[_pixel(canvas, v), _pixel(canvas, u)]
    grows = (rng.random(shape) < density) & (density >= stand.denser_than)
    radius = np.where(grows, rng.uniform(*stand.radius, shape), 0).astype(np.float32)
    species = rng.integers(0, len(_SPECIES), shape)
    # Species clump: a neighbour on the coarser lattice passes its own on.
    coarser = np.arange(count) // 6
    clumped = species[coarser[:, None], coarser[None, :]]
    species = np.where(rng.random(shape) < 0.6, clumped, species)
    shade = rng.normal(1, 0.13, shape).astype(np.float32)
    return _Lattice(v=v, u=u, radius=radius, species=species, shade=shade)


def _pixel(canvas: Canvas, position: FloatArray) -> IndexArray:
    pixel = np.clip((position + canvas.extent / 2) / canvas.grain, 0, canvas.size - 1)
    return np.asarray(pixel, dtype=np.intp)


def _crowns(
    canvas: Canvas, stand: Stand, lattice: _Lattice, lumps: FloatArray
) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Returns the relative height of the tallest crown over each pixel, and its tree's cell.

    The height is 0 where there is no crown.
    """
    v, u = canvas.positions()
    cell_v = _cell(canvas, stand, v)
    cell_u = _cell(canvas, stand, u)
    shape = (canvas.size, canvas.size)
    tallest = np.zeros(shape, np.float32)
    row = np.zeros(shape, np.intp)
    col = np.zeros(shape, np.intp)
    ragged = 1 + 0.16 * lumps
    thinnest = 1e-3
    last = len(lattice.v) - 1
    for i, j in _NEIGHBOURS:
        cells = np.clip(cell_v + i, 0, last), np.clip(cell_u + j, 0, last)
        squared = (lattice.v[cells] - v) ** 2 + (lattice.u[cells] - u) ** 2
        radius = lattice.radius[cells] * ragged
        dome = np.sqrt(np.maximum(1 - squared / np.maximum(radius, thinnest) ** 2, 0))
        taller = dome * radius > tallest * np.maximum(lattice.radius[row, col], thinnest)
        tallest = np.where(taller, dome, tallest)
        row = np.where(taller, cells[0], row)
        col = np.where(taller, cells[1], col)
    return tallest, row, col


def _cell(canvas: Canvas, stand: Stand, position: FloatArray) -> IndexArray:
    cell: IndexArray = ((position + canvas.extent / 2) / stand.spacing + 1.5).astype(np.intp)
    return cell


def orchard(canvas: Canvas, stamp: Stamp, spacing: tuple[float, float], material: str) -> None:
    """Plants rows of equal round crowns, `spacing` metres apart down and along the frame."""
    v = np.mod(stamp.v, spacing[0]) - (spacing[0] / 2)
    u = np.mod(stamp.u, spacing[1]) - (spacing[1] / 2)
    ragged = 1 + 0.12 * canvas.fine[stamp.index]
    radius = np.float32(0.4 * min(spacing)) * ragged
    distance = np.hypot(v, u)
    inside = np.clip((radius - distance) / canvas.grain + 0.5, 0, 1)
    crowns = stamp.covered(inside * stamp.cover)
    dome = np.sqrt(np.maximum(1 - (distance / np.maximum(radius, 0.1)) ** 2, 0))
    canvas.paint(crowns, material, canvas.texture(stamp, fine=0.15))
    canvas.build(crowns, 1 + 2.4 * dome)
