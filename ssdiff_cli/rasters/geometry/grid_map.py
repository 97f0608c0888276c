"""Where PAN pixels lie on the MS's own grid, exactly, for any window."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

from ssdiff_cli.rasters.geometry.point_map import Coordinates, PointMap, Points
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = [
    "AxisMap",
    "GeneralMap",
    "GridMap",
    "SeparableMap",
    "lattice_map",
    "measured_ratio",
    "separable_map",
]

COINCIDENT = 1e-3
"""MS pixels of difference over the whole scene up to which grids count as the same."""

LATTICE_ACCURACY = 1e-3
"""MS pixels that an interpolated map may be off by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisMap:
    """PAN coordinate p lies at MS coordinate ``step * p + offset`` (first pixel's edge = 0)."""

    step: float
    offset: float

    def at(self, pan: Coordinates) -> Coordinates:
        """Returns MS coordinates of PAN coordinates."""
        return self.step * pan + self.offset

    def first(self, phase: float) -> float:
        """Returns the MS index (0 = centre of the first pixel) at the centre of model pixel 0."""
        return self.step * (phase + 0.5) + self.offset - 0.5

    def snapped(self, grid: ModelGrid, size: int) -> "AxisMap":
        """Returns the map on which MS pixels are model pixels, if as good over `size` pixels."""
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
    """PAN rows map to MS rows and columns to columns: same CRS, parallel transforms."""

    rows: AxisMap
    cols: AxisMap

    def forward(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps PAN (column, row) to MS (column, row)."""
        return self.cols.at(cols), self.rows.at(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralMap:
    """Rotation, another CRS, GCPs or RPCs: exact on a lattice from PAN (0, 0), bilinear between."""

    exact: PointMap
    """PAN (column, row) to MS (column, row), in pixels from the outer edge of the first one."""
    spacing: int | None
    """PAN pixels between nodes; None where `exact` is cheap enough for every pixel."""

    def forward(self, cols: Coordinates, rows: Coordinates) -> Points:
        """Maps PAN (column, row) to MS (column, row), without the lattice."""
        return self.exact(cols, rows)

    def at(self, rows: Coordinates, cols: Coordinates) -> Points:
        """Returns MS rows and columns, ``(len(rows), len(cols))``, of a grid of PAN coordinates."""
        if self.spacing is None:
            return _on_grid(self.exact, rows, cols)
        down = _Cells.of(rows, self.spacing)
        across = _Cells.of(cols, self.spacing)
        node_rows, node_cols = _on_grid(self.exact, down.nodes, across.nodes)
        return _bilinear(node_rows, down, across), _bilinear(node_cols, down, across)


GridMap = SeparableMap | GeneralMap


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Positions along one axis among the nodes around them."""

    nodes: Coordinates
    index: npt.NDArray[np.int64]
    """Node before each position."""
    fraction: Coordinates
    """Part of the cell before each position."""

    @classmethod
    def of(cls, positions: Coordinates, spacing: int) -> "_Cells":
        cells = np.floor(positions / spacing).astype(np.int64)
        first = int(cells.min())
        nodes = np.arange(first, int(cells.max()) + 2) * float(spacing)
        return cls(nodes=nodes, index=cells - first, fraction=positions / spacing - cells)


def _on_grid(exact: PointMap, rows: Coordinates, cols: Coordinates) -> Points:
    grid_cols, grid_rows = np.meshgrid(cols, rows)
    ms_cols, ms_rows = exact(np.ascontiguousarray(grid_cols), np.ascontiguousarray(grid_rows))
    return ms_rows, ms_cols


def _bilinear(nodes: Coordinates, down: _Cells, across: _Cells) -> Coordinates:
    right = across.fraction
    below = down.fraction[:, None]
    # Nodes without a place are infinite, and pixels beside them become NaN.
    with np.errstate(invalid="ignore"):
        lines = nodes[:, across.index] * (1 - right) + nodes[:, across.index + 1] * right
        mixed: Coordinates = lines[down.index] * (1 - below) + lines[down.index + 1] * below
    return mixed


def separable_map(pan_to_ms: Affine, rows: int, cols: int) -> SeparableMap | None:
    """Returns the map of an affine relation, or None where PAN and MS axes are not parallel."""
    a, b, c, d, e, f = tuple(pan_to_ms)[:6]
    if abs(b) * rows > COINCIDENT or abs(d) * cols > COINCIDENT:
        return None
    return SeparableMap(
        rows=AxisMap(step=e, offset=f + d * cols / 2), cols=AxisMap(step=a, offset=c + b * rows / 2)
    )


def lattice_map(exact: PointMap, rows: int, cols: int) -> GeneralMap:
    """Returns a map through a lattice that is right to `LATTICE_ACCURACY` between its nodes."""
    spacing = 64
    while spacing > 1 and _lattice_error(exact, spacing, rows, cols) > LATTICE_ACCURACY:
        spacing //= 2
    return GeneralMap(exact=exact, spacing=spacing)


def _lattice_error(exact: PointMap, spacing: int, rows: int, cols: int) -> float:
    """Returns the largest error of the lattice in the centres of cells spread over the scene."""
    down = _cell_centres(rows, spacing)
    across = _cell_centres(cols, spacing)
    lattice_rows, lattice_cols = GeneralMap(exact=exact, spacing=spacing).at(down, across)
    true_rows, true_cols = _on_grid(exact, down, across)
    with np.errstate(invalid="ignore"):
        error = np.hypot(lattice_rows - true_rows, lattice_cols - true_cols)
    finite = error[np.isfinite(error)]
    return float(finite.max()) if finite.size else 0.0


def _cell_centres(size: int, spacing: int) -> Coordinates:
    cells = np.unique(np.linspace(0, size // spacing, 9).astype(int))
    return cells * spacing + spacing / 2


def measured_ratio(forward: PointMap, col: float, row: float) -> tuple[float, float]:
    """Returns the height and width of an MS pixel in PAN pixels, at a PAN position."""
    reach = 16.0
    ms_col, ms_row = forward(np.array([col, col + reach, col]), np.array([row, row, row + reach]))
    jacobian = np.array([ms_col[1:] - ms_col[0], ms_row[1:] - ms_row[0]]) / reach
    if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-12:
        return float("nan"), float("nan")
    inverse = np.linalg.inv(jacobian)
    return float(np.hypot(*inverse[:, 1])), float(np.hypot(*inverse[:, 0]))
