"""Pure geometry: where PAN pixels lie on the MS's own grid, exactly, for any window."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

from ssdiff_models.scene.model_grid import ModelGrid

__all__ = [
    "AxisMap",
    "GeneralMap",
    "GridMap",
    "SeparableMap",
    "Vector",
    "lattice_map",
    "measured_ratio",
    "separable_map",
]

Vector = npt.NDArray[np.floating]
Forward = Callable[[Vector, Vector], tuple[Vector, Vector]]
"""PAN (column, row) to MS (column, row), in pixels from the outer edge of the first one."""

COINCIDENT = 1e-3
"""MS pixels that grids may differ by over the whole scene and still count as the same: a twentieth of the promised accuracy."""

LATTICE_ACCURACY = 1e-3
"""MS pixels that an interpolated map may be off by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisMap:
    """One axis: PAN coordinate p lies at MS coordinate ``step * p + offset`` (edge of the first pixel = 0)."""

    step: float
    offset: float

    def at(self, pan: Vector) -> Vector:
        """Returns MS coordinates of PAN coordinates."""
        return self.step * pan + self.offset

    def first(self, phase: float) -> float:
        """Returns the MS index (0 = centre of the first pixel) at the centre of model pixel 0."""
        return self.step * (phase + 0.5) + self.offset - 0.5

    def snapped(self, grid: ModelGrid, size: int) -> "AxisMap":
        """Returns the map on which MS pixels are model pixels, if as good over `size` PAN pixels."""
        step = float(np.copysign(1 / grid.ratio, self.step))
        offset = round(self.first(grid.phase)) + 0.5 - step * (grid.phase + 0.5)
        exact = AxisMap(step=step, offset=offset)
        ends = np.array([0.0, size])
        return exact if np.abs(self.at(ends) - exact.at(ends)).max() < COINCIDENT else self

    def nearest(self, grid: ModelGrid, size: int) -> tuple[int, float] | None:
        """Returns the MS pixel nearest to model pixel 0, and the PAN index of its centre.

        None where the sizes of MS and model pixels differ so much that `size` PAN pixels show it.
        """
        if abs(abs(self.step) * grid.ratio - 1) * size / grid.ratio > COINCIDENT:
            return None
        pixel = round(self.first(grid.phase))
        return pixel, round((pixel + 0.5 - self.offset) / self.step - 0.5, 4)

    def coincides(self, grid: ModelGrid) -> bool:
        """Whether every model pixel is an MS pixel."""
        first = self.first(grid.phase)
        return abs(abs(self.step) * grid.ratio - 1) < 1e-12 and abs(first - round(first)) < 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparableMap:
    """PAN rows map to MS rows and columns to columns: same CRS, transforms parallel to each other."""

    rows: AxisMap
    cols: AxisMap

    def forward(self, cols: Vector, rows: Vector) -> tuple[Vector, Vector]:
        """Maps points, as `Forward`."""
        return self.cols.at(cols), self.rows.at(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralMap:
    """Anything else: rotation, another CRS, GCPs, RPCs; exact on a lattice anchored at PAN (0, 0), bilinear between."""

    exact: Forward
    spacing: int | None
    """PAN pixels between nodes; None where `exact` is cheap enough for every pixel."""

    def forward(self, cols: Vector, rows: Vector) -> tuple[Vector, Vector]:
        """Maps points, as `Forward`, without the lattice."""
        return self.exact(cols, rows)

    def at(self, rows: Vector, cols: Vector) -> tuple[Vector, Vector]:
        """Returns MS rows and columns, both ``(len(rows), len(cols))``, of a grid of PAN coordinates."""
        if self.spacing is None:
            ms_cols, ms_rows = self.exact(
                *(np.ascontiguousarray(axis) for axis in np.meshgrid(cols, rows))
            )
            return ms_rows, ms_cols
        row_nodes, row_index, row_fraction = _nodes(rows, self.spacing)
        col_nodes, col_index, col_fraction = _nodes(cols, self.spacing)
        node_cols, node_rows = self.exact(
            *(np.ascontiguousarray(axis) for axis in np.meshgrid(col_nodes, row_nodes))
        )
        place = row_index, row_fraction[:, None], col_index, col_fraction[None]
        return _bilinear(node_rows, *place), _bilinear(node_cols, *place)


GridMap = SeparableMap | GeneralMap


def _nodes(positions: Vector, spacing: int) -> tuple[Vector, npt.NDArray[np.int64], Vector]:
    cells = np.floor(positions / spacing).astype(np.int64)
    first, last = int(cells.min()), int(cells.max()) + 1
    return np.arange(first, last + 1) * float(spacing), cells - first, positions / spacing - cells


def _bilinear(
    nodes: Vector,
    rows: npt.NDArray[np.int64],
    down: Vector,
    cols: npt.NDArray[np.int64],
    right: Vector,
) -> Vector:
    with np.errstate(invalid="ignore"):
        upper = nodes[rows][:, cols] * (1 - right) + nodes[rows][:, cols + 1] * right
        lower = nodes[rows + 1][:, cols] * (1 - right) + nodes[rows + 1][:, cols + 1] * right
        mixed: Vector = upper * (1 - down) + lower * down
    return mixed


def separable_map(pan_to_ms: Affine, rows: int, cols: int) -> SeparableMap | None:
    """Returns the map of an affine relation whose axes are parallel over a PAN of `rows` x `cols`, else None."""
    a, b, c, d, e, f = tuple(pan_to_ms)[:6]
    if abs(b) * rows > COINCIDENT or abs(d) * cols > COINCIDENT:
        return None
    return SeparableMap(
        rows=AxisMap(step=e, offset=f + d * cols / 2), cols=AxisMap(step=a, offset=c + b * rows / 2)
    )


def lattice_map(exact: Forward, rows: int, cols: int) -> GeneralMap:
    """Returns a map through a lattice fine enough that between its nodes it is right to `LATTICE_ACCURACY`."""
    spacing = 64
    while spacing > 1 and _lattice_error(exact, spacing, rows, cols) > LATTICE_ACCURACY:
        spacing //= 2
    return GeneralMap(exact=exact, spacing=spacing)


def _lattice_error(exact: Forward, spacing: int, rows: int, cols: int) -> float:
    """Largest difference between the lattice and the exact map in the middle of cells spread over the scene."""
    lattice = GeneralMap(exact=exact, spacing=spacing)
    centres = [
        np.unique(np.linspace(0, size // spacing, 9).astype(int)) * spacing + spacing / 2
        for size in (rows, cols)
    ]
    approximate = lattice.at(*centres)
    col_points, row_points = (
        np.ascontiguousarray(axis) for axis in np.meshgrid(centres[1], centres[0])
    )
    true_cols, true_rows = exact(col_points, row_points)
    with np.errstate(invalid="ignore"):
        error = np.hypot(approximate[0] - true_rows, approximate[1] - true_cols)
    finite = error[np.isfinite(error)]
    return float(finite.max()) if finite.size else 0.0


def measured_ratio(forward: Forward, col: float, row: float) -> tuple[float, float]:
    """Returns the height and width of an MS pixel in PAN pixels, at a PAN position."""
    reach = 16.0
    ms_col, ms_row = forward(np.array([col, col + reach, col]), np.array([row, row, row + reach]))
    jacobian = np.array([ms_col[1:] - ms_col[0], ms_row[1:] - ms_row[0]]) / reach
    if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-12:
        return float("nan"), float("nan")
    inverse = np.linalg.inv(jacobian)
    return float(np.hypot(*inverse[:, 1])), float(np.hypot(*inverse[:, 0]))
