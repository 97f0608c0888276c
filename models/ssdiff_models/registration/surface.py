"""Smooth surfaces over a scene: uniform bicubic B-splines on a lattice of control points.

Their smoothing is that of P-splines (Eilers and Marx, 1996) with the bending energy of thin plates
as the penalty: planes cost nothing, so a stiff surface is one.
"""

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
        sides = (high[0] - low[0], high[1] - low[1])
        spacing = max(*sides, 1.0) / cells
        rows, cols = (max(int(np.ceil(side / spacing - 1e-9)), 1) + 3 for side in sides)
        return cls(row=low[0], col=low[1], spacing=spacing, rows=rows, cols=cols)

    def taps(self, rows: Points, cols: Points) -> Iterator[tuple[Indices, Indices, Vector, Vector]]:
        """Yields the row, column and two weights of the 16 control points of each position."""
        first_row, down = _axis_taps((rows - self.row) / self.spacing, self.rows - 3)
        first_col, right = _axis_taps((cols - self.col) / self.spacing, self.cols - 3)
        for i in range(4):
            for j in range(4):
                yield first_row + i, first_col + j, down[i], right[j]

    def basis(self, places: Vector) -> Vector:
        """Returns the weight of every control point at ``(n, 2)`` places, ``(n, rows * cols)``."""
        weights = np.zeros((len(places), self.rows, self.cols))
        index = np.arange(len(places))
        for row, col, down, right in self.taps(*places.T):
            weights[index, row, col] = down * right
        return weights.reshape(len(places), -1)

    def samples(self) -> Vector:
        """Returns ``(n, 2)`` places, enough of them in every cell to fit all control points."""
        cells = (self.rows - 3, self.cols - 3)
        steps = [np.linspace(0, count, 3 * count + 4) * self.spacing for count in cells]
        rows, cols = np.meshgrid(self.row + steps[0], self.col + steps[1], indexing="ij")
        return np.column_stack([rows.ravel(), cols.ravel()])

    def bending(self) -> Vector:
        """Returns the quadratic form of the control points that is the energy of bending."""
        rows = np.eye(self.rows)
        cols = np.eye(self.cols)
        down = np.kron(np.diff(rows, 2, axis=0), cols)
        right = np.kron(rows, np.diff(cols, 2, axis=0))
        twist = np.sqrt(2) * np.kron(np.diff(rows, axis=0), np.diff(cols, axis=0))
        return np.asarray(down.T @ down + right.T @ right + twist.T @ twist)


def _axis_taps(position: Points, cells: int) -> tuple[Indices, Vector]:
    """Returns the first control point and the four weights; positions beyond count as the edge."""
    inside = np.clip(np.nan_to_num(position, nan=0.0), 0, cells)
    cell = np.minimum(np.floor(inside), cells - 1)
    t = inside - cell
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return cell.astype(np.int64), np.stack(weights) / 6


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
        shape = (lattice.rows, lattice.cols)
        down, right = (_rounded(part.reshape(shape)) for part in controls.T)
        return cls(lattice=lattice, down=down, right=right)

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
    return tuple(tuple(round(float(value), 3) + 0.0 for value in line) for line in values)
