"""Smooth surfaces over a scene: uniform bicubic B-splines on a lattice of control points.

Their smoothing is that of P-splines (Eilers and Marx, 1996) with the bending energy of thin plates
as the penalty: planes cost nothing, so a stiff surface is one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lattice", "Surface"]

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Points = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Control points of bicubic splines, as far apart along rows as along columns."""

    row: float
    """PAN row at which the surface begins, one control point after the first."""
    col: float
    """PAN column at which the surface begins."""
    spacing: float
    """PAN pixels between control points."""
    rows: int
    """Control points along rows: three more than cells."""
    cols: int
    """Control points along columns."""

    @classmethod
    def over(cls, low: Sequence[float], high: Sequence[float], cells: int) -> "Lattice":
        """Returns the lattice with `cells` cells on the longer side of a box (row, column)."""
        row, col = low
        sides = [end - start for start, end in zip(low, high, strict=True)]
        spacing = max(*sides, 1.0) / cells
        counts = [math.ceil(side / spacing - 1e-9) for side in sides]
        rows, cols = (max(count, 1) + 3 for count in counts)
        return cls(row=row, col=col, spacing=spacing, rows=rows, cols=cols)

    def taps(self, rows: Points, cols: Points) -> Iterator[tuple[Indices, Indices, Vector, Vector]]:
        """Yields the row, column and two weights of the 16 control points of each position."""
        row_places = (rows - self.row) / self.spacing
        col_places = (cols - self.col) / self.spacing
        first_row, down = _axis_taps(row_places, self.rows - 3)
        first_col, right = _axis_taps(col_places, self.cols - 3)
        for i in range(4):
            for j in range(4):
                yield first_row + i, first_col + j, down[i], right[j]

    def basis(self, places: Vector) -> Vector:
        """Returns the weight of every control point at ``(n, 2)`` places, ``(n, rows * cols)``."""
        count = len(places)
        weights = np.zeros((count, self.rows, self.cols))
        index = np.arange(count)
        for row, col, down, right in self.taps(*places.T):
            weights[index, row, col] = down * right
        return weights.reshape(count, -1)

    def samples(self) -> Vector:
        """Returns ``(n, 2)`` places, enough of them in every cell to fit all control points."""
        down = self._steps(self.rows - 3)
        right = self._steps(self.cols - 3)
        rows, cols = np.meshgrid(self.row + down, self.col + right, indexing="ij")
        return np.column_stack([rows.ravel(), cols.ravel()])

    def _steps(self, cells: int) -> Vector:
        count = 3 * cells + 4
        return np.linspace(0, cells, count) * self.spacing

    def bending(self) -> Vector:
        """Returns the quadratic form of the control points that is the energy of bending."""
        rows = np.eye(self.rows)
        cols = np.eye(self.cols)
        row_slope = np.diff(rows, axis=0)
        col_slope = np.diff(cols, axis=0)
        down = np.kron(np.diff(row_slope, axis=0), cols)
        right = np.kron(rows, np.diff(col_slope, axis=0))
        twist = np.sqrt(2) * np.kron(row_slope, col_slope)
        along_axes = down.T @ down + right.T @ right
        return np.asarray(along_axes + twist.T @ twist)


def _axis_taps(position: Points, cells: int) -> tuple[Indices, Vector]:
    """Returns the first control point and the four weights; positions beyond count as the edge."""
    known = np.nan_to_num(position, nan=0.0)
    inside = np.clip(known, 0, cells)
    cell = np.minimum(np.floor(inside), cells - 1)
    t = inside - cell
    square = t**2
    cube = t**3
    before = (1 - t) ** 3
    here = 3 * cube - 6 * square + 4
    after = -3 * cube + 3 * square + 3 * t + 1
    weights = np.stack([before, here, after, cube]) / 6
    return cell.astype(np.int64), weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Rows and columns to add to a linear shift, at every PAN position."""

    lattice: Lattice
    down: tuple[tuple[float, ...], ...]
    """Control points of the rows in PAN pixels, ``(lattice.rows, lattice.cols)``."""
    right: tuple[tuple[float, ...], ...]
    """Control points of the columns."""

    @classmethod
    def of(cls, lattice: Lattice, controls: Vector) -> "Surface":
        """Makes a surface of ``(rows * cols, 2)`` control points, rounded alike everywhere."""
        shape = (2, lattice.rows, lattice.cols)
        down, right = controls.T.reshape(shape)
        return cls(lattice=lattice, down=_rounded(down), right=_rounded(right))

    def at(self, rows: Points, cols: Points) -> tuple[Vector, Vector]:
        """Returns the PAN rows and columns to add at PAN positions; beyond the edge, the edge's."""
        row_controls = np.array(self.down)
        col_controls = np.array(self.right)
        to_rows = np.zeros(rows.shape)
        to_cols = np.zeros(rows.shape)
        for row, col, down, right in self.lattice.taps(rows, cols):
            to_rows += row_controls[row, col] * down * right
            to_cols += col_controls[row, col] * down * right
        return to_rows, to_cols


def _rounded(values: Vector) -> tuple[tuple[float, ...], ...]:
    # A zero's sign is lost.
    lines = [[round(value, 3) + 0.0 for value in line] for line in values.tolist()]
    return tuple(map(tuple, lines))
