"""Blocks of any shape in, whole TIFF tiles out; only unfinished tiles are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssdiff_cli.rasters.writing.rounding import Pixels
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = ["Assembler", "TileRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRun:
    """Finished tiles side by side."""

    row: int
    """Tile row in the file."""
    col: int
    """First tile column in the file."""
    pixels: Pixels
    """``(bands, tile height, n * tile width)``; 0 beyond the raster's edge."""
    valid: BoolArray
    """``(tile height, n * tile width)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    window: Window
    pixels: Pixels
    valid: BoolArray


@dataclass(slots=True)
class _Tile:
    window: Window
    pixels: Pixels
    valid: BoolArray
    missing: int
    """Pixels of the raster that have not come yet."""

    def put(self, block: _Block) -> None:
        common = self.window.intersection(block.window)
        assert common is not None
        rows, cols = common.within(self.window)
        from_rows, from_cols = common.within(block.window)
        self.pixels[:, rows, cols] = block.pixels[:, from_rows, from_cols]
        self.valid[rows, cols] = block.valid[from_rows, from_cols]
        self.missing -= common.rows * common.cols


class Assembler:
    """Collects the blocks of one raster."""

    def __init__(
        self, *, area: Window, bands: int, dtype: np.dtype[Any], tile_rows: int, tile_cols: int
    ) -> None:
        """Takes the raster's place on the PAN grid and the size of its tiles."""
        self._area = area
        self._bands = bands
        self._dtype = dtype
        self._tile_rows = tile_rows
        self._tile_cols = tile_cols
        self._tiles: dict[tuple[int, int], _Tile] = {}

    @property
    def unfinished(self) -> int:
        """Number of tiles that have begun but not ended."""
        return len(self._tiles)

    def add(self, window: Window, pixels: Pixels, valid: BoolArray) -> Iterator[TileRun]:
        """Takes a block inside the area and yields the tiles that it finishes, row by row.

        Args:
            window: The block's place on the PAN grid.
            pixels: ``(bands, rows, cols)``.
            valid: ``(rows, cols)``.
        """
        block = _Block(window=window, pixels=pixels, valid=valid)
        top = window.row - self._area.row
        left = window.col - self._area.col
        cols = range(left // self._tile_cols, -(-(left + window.cols) // self._tile_cols))
        for i in range(top // self._tile_rows, -(-(top + window.rows) // self._tile_rows)):
            run = self._uncopied(i, cols, block) or self._copied(i, cols, block)
            if run is not None:
                yield run

    def _uncopied(self, i: int, cols: range, block: _Block) -> TileRun | None:
        """Returns a row of tiles as a view of the block, where it holds whole tiles only."""
        first = self._window(i, cols.start)
        window = block.window
        holds_rows = first.row >= window.row and first.row_stop <= window.row_stop
        if not holds_rows or first.col != window.col or window.cols % self._tile_cols:
            return None
        rows = slice(first.row - window.row, first.row_stop - window.row)
        return TileRun(row=i, col=cols.start, pixels=block.pixels[:, rows], valid=block.valid[rows])

    def _copied(self, i: int, cols: range, block: _Block) -> TileRun | None:
        """Puts a block into a row of tiles and returns those that it finishes: neighbours."""
        finished: dict[int, _Tile] = {}
        for j in cols:
            tile = self._tiles.get((i, j)) or self._begun(i, j)
            tile.put(block)
            if not tile.missing:
                finished[j] = self._tiles.pop((i, j))
        if not finished:
            return None
        return TileRun(
            row=i,
            col=min(finished),
            pixels=np.concatenate([tile.pixels for tile in finished.values()], axis=2),
            valid=np.concatenate([tile.valid for tile in finished.values()], axis=1),
        )

    def _window(self, i: int, j: int) -> Window:
        row = self._area.row + i * self._tile_rows
        col = self._area.col + j * self._tile_cols
        return Window(row=row, col=col, rows=self._tile_rows, cols=self._tile_cols)

    def _begun(self, i: int, j: int) -> _Tile:
        window = self._window(i, j)
        inside = window.intersection(self._area)
        assert inside is not None
        tile = _Tile(
            window=window,
            pixels=np.zeros((self._bands, *window.shape), self._dtype),
            valid=np.zeros(window.shape, bool),
            missing=inside.rows * inside.cols,
        )
        self._tiles[i, j] = tile
        return tile
