"""Blending of overlapping tiles: strictly positive ramps that sum to one, and blocks completed in row-major order."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["Blender", "needed", "ramp", "row_major", "weights"]


def ramp(overlap: int) -> npt.NDArray[np.float32]:
    """Returns ``sin^2(pi/2 (i + 1/2) / overlap)``, i = 0 .. overlap - 1: positive, and one together with its mirror image."""
    rising = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    return rising.astype(np.float32)


def weights(
    index: int, count: int, *, span: int, step: int, overlap: int
) -> npt.NDArray[np.float32]:
    """Returns the weight of each of the `span` rows (or columns) of tile `index` of `count`: no ramp on the scene's borders."""
    profile = np.ones(span, np.float32)
    if overlap and index > 0:
        profile[: min(overlap, span)] = ramp(overlap)[:span]
    if overlap and index + 1 < count:
        falling = ramp(overlap)[::-1]
        profile[step:] = falling[: span - step]
    return profile


class Blender:
    """Turns tiles that arrive row by row, left to right, into finished blocks.

    It keeps the overlap with the next tile and with the next row of tiles, nothing else. Sums are taken in row-major order of the tiles,
    so a block's bytes do not depend on where a run started.
    """

    def __init__(self, grid: TileGrid, columns: range) -> None:
        self._grid = grid
        self._columns = columns
        self._right: FloatArray | None = None
        self._below: dict[int, FloatArray] = {}

    def start_row(self) -> None:
        """Must be called before the first tile of every row."""
        self._right = None

    def add(self, i: int, j: int, tile: FloatArray) -> tuple[Window, FloatArray]:
        """Adds tile (i, j), ``(bands, rows, cols)``, and returns its block and the block's pixels."""
        grid = self._grid
        rows = weights(i, grid.tile_rows, span=tile.shape[1], step=grid.step, overlap=grid.overlap)
        cols = weights(j, grid.tile_cols, span=tile.shape[2], step=grid.step, overlap=grid.overlap)
        total = tile * (rows[:, None] * cols)
        if self._right is not None:
            kept = total[:, : self._right.shape[1], : self._right.shape[2]]
            kept += self._right[:, : kept.shape[1], : kept.shape[2]]
        self._right = total[:, :, grid.step :].copy() if j + 1 < grid.tile_cols else None
        return grid.block(i, j), self._complete(i, j, total[:, :, : grid.step])

    def _complete(self, i: int, j: int, total: FloatArray) -> FloatArray:
        """Adds what the row above left for this block, and leaves the rows below for the next."""
        above = self._below.pop(j, None)
        if above is not None:
            kept = total[:, : above.shape[1], : above.shape[2]]
            kept += above[:, : kept.shape[1], : kept.shape[2]]
        if i + 1 < self._grid.tile_rows and self._grid.overlap:
            self._below[j] = total[:, self._grid.step :].copy()
        block = self._grid.block(i, j)
        return total[:, : block.rows, : block.cols]


def needed(grid: TileGrid, area: Window) -> tuple[range, range]:
    """Returns the tile rows and columns that the blocks of `area` depend on: one more above and to the left where tiles overlap."""
    rows, cols = grid.covering(area)
    first_row = rows.start - (
        grid.overlap > 0 and rows.start > 0 and area.row < rows.start * grid.step + grid.overlap
    )
    first_col = cols.start - (
        grid.overlap > 0 and cols.start > 0 and area.col < cols.start * grid.step + grid.overlap
    )
    return range(first_row, rows.stop), range(first_col, cols.stop)


def row_major(rows: range, cols: range) -> Iterator[tuple[int, int]]:
    """Yields (i, j) row by row."""
    for i in rows:
        for j in cols:
            yield i, j
