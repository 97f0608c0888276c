"""Trees: crowns on a jittered lattice, each with its own place, size, species and lumps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.simulation.canvas import Canvas, Stamp
from ssdiff_models.simulation.texture import FloatArray, fractal

__all__ = ["Stand", "grow", "orchard"]

_SPECIES = ("broadleaf", "conifer", "autumn_leaf", "broadleaf")
_NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))


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
    species: npt.NDArray[np.intp]
    shade: FloatArray


def grow(canvas: Canvas, stand: Stand, rng: np.random.Generator) -> None:
    """Grows a stand wherever the canvas' tree density lets it: crowns are painted and raise the canvas' height."""
    lattice = _lattice(canvas, stand, rng)
    lumps = fractal(rng, (canvas.size, canvas.size), 2.6 / canvas.grain, 2)
    tallest, row, col = _crowns(canvas, stand, lattice, lumps)
    index = np.nonzero(tallest > 0)
    if not len(index[0]):
        return
    dome, lump = tallest[index], lumps[index]
    cells = row[index], col[index]
    thickness = np.clip(lattice.radius[cells] * dome * dome / canvas.grain + 0.3, 0, 1)
    nowhere = np.zeros_like(dome)
    stamp = Stamp(
        index=(index[0], index[1]), v=nowhere, u=nowhere, cover=thickness.astype(np.float32)
    )
    shade = lattice.shade[cells] * (0.72 + 0.3 * dome) * np.clip(1 + 0.2 * lump, 0.45, 1.6)
    for number, material in enumerate(_SPECIES):
        canvas.paint(stamp, material, shade, opacity=lattice.species[cells] == number)
    size = lattice.radius[cells] / stand.radius[1]
    canvas.height[index] = np.maximum(
        canvas.height[index], stand.height * size * (0.35 + 0.65 * dome + 0.07 * lump)
    )


def _lattice(canvas: Canvas, stand: Stand, rng: np.random.Generator) -> _Lattice:
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
    species = np.where(
        rng.random(shape) < 0.6,
        species[np.arange(count)[:, None] // 6, np.arange(count)[None, :] // 6],
        species,
    )
    return _Lattice(
        v=v,
        u=u,
        radius=radius,
        species=species,
        shade=rng.normal(1, 0.13, shape).astype(np.float32),
    )


def _pixel(canvas: Canvas, position: FloatArray) -> npt.NDArray[np.intp]:
    pixel = np.clip((position + canvas.extent / 2) / canvas.grain, 0, canvas.size - 1)
    return np.asarray(pixel, dtype=np.intp)


def _crowns(
    canvas: Canvas, stand: Stand, lattice: _Lattice, lumps: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the relative height of the tallest crown over each pixel (0 where there is none) and the cell of its tree."""
    v, u = canvas.positions()
    cell_v, cell_u = (
        ((axis + canvas.extent / 2) / stand.spacing + 1.5).astype(np.intp) for axis in (v, u)
    )
    shape = (canvas.size, canvas.size)
    tallest, row, col = (
        np.zeros(shape, np.float32),
        np.zeros(shape, np.intp),
        np.zeros(shape, np.intp),
    )
    ragged = 1 + np.float32(0.16) * lumps
    for i, j in _NEIGHBOURS:
        cells = (
            np.clip(cell_v + i, 0, len(lattice.v) - 1),
            np.clip(cell_u + j, 0, len(lattice.v) - 1),
        )
        squared = (lattice.v[cells] - v) ** 2 + (lattice.u[cells] - u) ** 2
        radius = lattice.radius[cells] * ragged
        dome = np.sqrt(np.maximum(1 - squared / np.maximum(radius, np.float32(1e-3)) ** 2, 0))
        taller = dome * radius > tallest * np.maximum(lattice.radius[row, col], np.float32(1e-3))
        tallest = np.where(taller, dome, tallest)
        row, col = np.where(taller, cells[0], row), np.where(taller, cells[1], col)
    return tallest, row, col


def orchard(canvas: Canvas, stamp: Stamp, spacing: tuple[float, float], material: str) -> None:
    """Plants rows of equal round crowns over a stamp, `spacing` metres apart down and along its frame."""
    v = np.mod(stamp.v, np.float32(spacing[0])) - np.float32(spacing[0] / 2)
    u = np.mod(stamp.u, np.float32(spacing[1])) - np.float32(spacing[1] / 2)
    rows, cols = stamp.index
    radius = np.float32(0.4 * min(spacing)) * (1 + np.float32(0.12) * canvas.fine[rows, cols])
    distance = np.hypot(v, u)
    cover = np.clip((radius - distance) / np.float32(canvas.grain) + 0.5, 0, 1) * stamp.cover
    crowns = stamp.reshaped(cover.astype(np.float32))
    dome = np.sqrt(np.maximum(1 - (distance / np.maximum(radius, np.float32(0.1))) ** 2, 0))
    canvas.paint(crowns, material, canvas.texture(stamp, fine=0.15))
    canvas.build(crowns, np.asarray(1 + 2.4 * dome, dtype=np.float32))
