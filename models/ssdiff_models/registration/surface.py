"""Smooth surfaces over a scene: uniform cubic B-splines on a lattice of control points, held smooth by their bending energy.

The smoothing is that of P-splines (Eilers and Marx, 1996), with the two-dimensional bending energy of thin plates as the penalty:
planes cost nothing, so a stiff surface is one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lattice", "Surface"]

Vector = npt.NDArray[np.float64]
Points = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Control points of bicubic splines, as far apart along rows as along columns."""

    row: float
    """PAN row at which the surface begins; there is one control point before it."""
    col: float
    """PAN column at which the surface begins."""
    spacing: float
    """PAN pixels between control points."""
    rows: int
    """Control points along rows: three more than there are cells."""
    cols: int
    """Control points along columns."""

    @classmethod
    def over(cls, low: tuple[float, float], high: tuple[float, float], *, cells: int) -> "Lattice":
        """Returns the lattice with `cells` cells on the longer side of a box of PAN (row, column)."""
        down, right = high[0] - low[0], high[1] - low[1]
        spacing = max(down, right, 1.0) / cells
        rows, cols = (max(int(np.ceil(side / spacing - 1e-9)), 1) + 3 for side in (down, right))
        return cls(row=low[0], col=low[1], spacing=spacing, rows=rows, cols=cols)

    def taps(
        self, rows: Points, cols: Points
    ) -> tuple[npt.NDArray[np.int64], Vector, npt.NDArray[np.int64], Vector]:
        """Returns the first control point and the four weights of each position, for rows and for columns."""
        return (
            *_axis_taps((rows - self.row) / self.spacing, self.rows - 3),
            *_axis_taps((cols - self.col) / self.spacing, self.cols - 3),
        )

    def basis(self, rows: Vector, cols: Vector) -> Vector:
        """Returns ``(n, rows * cols)``: the weight of every control point at n positions."""
        first_row, down, first_col, right = self.taps(rows, cols)
        found = np.zeros((rows.size, self.rows, self.cols))
        places = np.arange(rows.size)
        for i in range(4):
            for j in range(4):
                found[places, first_row + i, first_col + j] = down[i] * right[j]
        return found.reshape(rows.size, -1)

    def samples(self) -> Vector:
        """Returns ``(n, 2)``: positions, enough in every cell to tell all control points."""
        steps = [
            np.linspace(0, count - 3, 3 * (count - 3) + 4) * self.spacing
            for count in (self.rows, self.cols)
        ]
        rows, cols = np.meshgrid(self.row + steps[0], self.col + steps[1], indexing="ij")
        return np.column_stack([rows.ravel(), cols.ravel()])

    def bending(self) -> Vector:
        """Returns the quadratic form ``(rows * cols, rows * cols)`` of the control points that is the energy of bending."""
        steps = [
            np.kron(np.diff(np.eye(self.rows), 2, axis=0), np.eye(self.cols)),
            np.kron(np.eye(self.rows), np.diff(np.eye(self.cols), 2, axis=0)),
            np.sqrt(2)
            * np.kron(np.diff(np.eye(self.rows), axis=0), np.diff(np.eye(self.cols), axis=0)),
        ]
        return np.asarray(sum(step.T @ step for step in steps))


def _axis_taps(position: Points, cells: int) -> tuple[npt.NDArray[np.int64], Vector]:
    """Positions beyond the lattice count as on its edge."""
    inside = np.clip(np.nan_to_num(position, nan=0.0), 0, cells)
    cell = np.minimum(np.floor(inside), cells - 1)
    t = inside - cell
    weights = (
        np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3])
        / 6
    )
    return cell.astype(np.int64), weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Rows and columns of a shift at every PAN position: what is added to a shift that is linear over the scene."""

    lattice: Lattice
    down: tuple[tuple[float, ...], ...]
    """Control points of the rows, in PAN pixels: ``lattice.rows`` times ``lattice.cols``."""
    right: tuple[tuple[float, ...], ...]
    """Control points of the columns."""

    @classmethod
    def of(cls, lattice: Lattice, controls: Vector) -> "Surface":
        """Makes a surface of ``(rows * cols, 2)`` control points, in thousandths of a pixel so that every machine has the same."""
        down, right = (
            tuple(
                tuple(round(float(value), 3) + 0.0 for value in line)
                for line in part.reshape(lattice.rows, lattice.cols)
            )
            for part in controls.T
        )
        return cls(lattice=lattice, down=down, right=right)

    def at(self, rows: Points, cols: Points) -> tuple[Vector, Vector]:
        """Returns the PAN rows and columns to add at PAN positions, arrays of one shape; beyond the lattice those of its edge."""
        first_row, down, first_col, right = self.lattice.taps(rows, cols)
        return tuple(
            _mixed(np.array(part), first_row, down, first_col, right)
            for part in (self.down, self.right)
        )  # type: ignore[return-value]


def _mixed(
    controls: Vector,
    first_row: npt.NDArray[np.int64],
    down: Vector,
    first_col: npt.NDArray[np.int64],
    right: Vector,
) -> Vector:
    total = np.zeros(first_row.shape)
    for i in range(4):
        for j in range(4):
            total += controls[first_row + i, first_col + j] * down[i] * right[j]
    return total
