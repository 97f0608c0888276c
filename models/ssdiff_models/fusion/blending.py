"""Blends overlapping tiles by positive ramps that sum to one, into blocks in row-major order."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["Blender", "needed_tiles", "ramp", "row_major", "weights"]


def ramp(overlap: int) -> npt.NDArray[np.float32]:
    """Returns ``sin^2(pi/2 (i + 1/2) / overlap)``, which sums to one with its mirror image."""
    rising = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    return rising.astype(np.float32)


def weights(
    index: int, count: int, *, span: int, step: int, overlap: int
) -> npt.NDArray[np.float32]:
    """Returns the weights of the `span` rows (or columns) of tile `index` of `count`.

    There is no ramp on the scene's borders.
    """
    profile = np.ones(span, np.float32)
    if overlap and index > 0:
        profile[: min(overlap, span)] = ramp(overlap)[:span]
    if overlap and index + 1 < count:
        falling = ramp(overlap)[::-1]
        profile[step:] = falling[: span - step]
    return profile


class Blender:
    """Turns tiles that arrive in row-major order into blocks.

    It holds the overlaps with the next tile and with the next row of tiles. Sums are taken in
    row-major order, so a block's bytes do not depend on where a run started.
    """

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        self._right: FloatArray | None = None
        self._below: dict[int, FloatArray] = {}

    def start_row(self) -> None:
        """Must be called before the first tile of every row."""
        self._right = None

    def add(self, i: int, j: int, tile: FloatArray) -> tuple[Window, FloatArray]:
        """Adds tile (i, j), ``(bands, rows, cols)``, and returns its block and its pixels."""
        grid = self._grid
        rows = weights(i, grid.tile_rows, span=tile.shape[1], step=grid.step, overlap=grid.overlap)
        cols = weights(j, grid.tile_cols, span=tile.shape[2], step=grid.step, overlap=grid.overlap)
        total = tile * (rows[:, None] * cols)
        _add(total, self._right)
        self._right = total[:, :, grid.step :].copy() if j + 1 < grid.tile_cols else None
        pixels = total[:, :, : grid.step]
        _add(pixels, self._below.pop(j, None))
        if i + 1 < grid.tile_rows and grid.overlap:
            self._below[j] = pixels[:, grid.step :].copy()
        block = grid.block(i, j)
        return block, pixels[:, : block.rows, : block.cols]


def _add(total: FloatArray, overlap: FloatArray | None) -> None:
    """Adds the overlap with an earlier tile to the upper left of `total`."""
    if overlap is not None:
        common = total[:, : overlap.shape[1], : overlap.shape[2]]
        common += overlap[:, : common.shape[1], : common.shape[2]]


def needed_tiles(grid: TileGrid, area: Window) -> tuple[range, range]:
    """Returns the tile rows and columns that the blocks of `area` depend on.

    Where tiles overlap, there may be one more above and to the left.
    """
    rows, cols = grid.covering(area)
    return _with_previous(rows, grid, area.row), _with_previous(cols, grid, area.col)


def _with_previous(tiles: range, grid: TileGrid, start: int) -> range:
    overlapped = tiles.start > 0 and start < tiles.start * grid.step + grid.overlap
    return range(tiles.start - (grid.overlap > 0 and overlapped), tiles.stop)


def row_major(rows: range, cols: range) -> Iterator[tuple[int, int]]:
    """Yields (i, j) row by row."""
    for i in rows:
        for j in cols:
            yield i, j
