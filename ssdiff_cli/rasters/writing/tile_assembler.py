"""Blocks of any shape in, whole TIFF tiles out: no tile is encoded twice, and only unfinished ones are held."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = ["Assembler", "Pixels", "TileRun"]

Pixels = npt.NDArray[np.generic]


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


@dataclass(slots=True)
class _Tile:
    pixels: Pixels
    valid: BoolArray
    missing: int
    """Pixels of the raster that have not come yet."""


class Assembler:
    """Collects the blocks of one raster of `area`."""

    def __init__(
        self, *, area: Window, bands: int, dtype: np.dtype[Any], tile_rows: int, tile_cols: int
    ) -> None:
        """Takes the raster's place on the PAN grid and the size of its tiles."""
        self._area, self._bands, self._dtype = area, bands, dtype
        self._tile_rows, self._tile_cols = tile_rows, tile_cols
        self._open: dict[tuple[int, int], _Tile] = {}

    @property
    def unfinished(self) -> int:
        """Number of tiles that have begun but not ended."""
        return len(self._open)

    def add(self, block: Window, pixels: Pixels, valid: BoolArray) -> Iterator[TileRun]:
        """Takes a block inside the area, ``(bands, rows, cols)``, and yields the tiles it finishes, row by row."""
        row, col = block.row - self._area.row, block.col - self._area.col
        for i in range(row // self._tile_rows, (row + block.rows - 1) // self._tile_rows + 1):
            if (whole := self._whole(i, col // self._tile_cols, block, pixels, valid)) is not None:
                yield whole
                continue
            finished: list[tuple[int, _Tile]] = []
            for j in range(col // self._tile_cols, (col + block.cols - 1) // self._tile_cols + 1):
                tile = self._put(i, j, block, pixels, valid)
                if not tile.missing:
                    finished.append((j, self._open.pop((i, j))))
            if finished:
                yield _run(i, finished)

    def _whole(
        self, i: int, j: int, block: Window, pixels: Pixels, valid: BoolArray
    ) -> TileRun | None:
        """Returns the row of tiles as a part of the block's own arrays, where the block is nothing but whole tiles there."""
        place = self._place(i, j)
        stops = place.row >= block.row and place.row_stop <= block.row_stop
        if not stops or place.col != block.col or block.cols % self._tile_cols:
            return None
        rows = slice(place.row - block.row, place.row_stop - block.row)
        return TileRun(row=i, col=j, pixels=pixels[:, rows], valid=valid[rows])

    def _put(self, i: int, j: int, block: Window, pixels: Pixels, valid: BoolArray) -> _Tile:
        place = self._place(i, j)
        tile = self._open.get((i, j)) or self._begin(i, j, place)
        common = place.intersection(block)
        assert common is not None
        to_rows, to_cols = common.within(place)
        from_rows, from_cols = common.within(block)
        tile.pixels[:, to_rows, to_cols] = pixels[:, from_rows, from_cols]
        tile.valid[to_rows, to_cols] = valid[from_rows, from_cols]
        tile.missing -= common.rows * common.cols
        return tile

    def _place(self, i: int, j: int) -> Window:
        row, col = self._area.row + i * self._tile_rows, self._area.col + j * self._tile_cols
        return Window(row=row, col=col, rows=self._tile_rows, cols=self._tile_cols)

    def _begin(self, i: int, j: int, place: Window) -> _Tile:
        common = place.intersection(self._area)
        assert common is not None
        tile = _Tile(
            pixels=np.zeros((self._bands, *place.shape), self._dtype),
            valid=np.zeros(place.shape, bool),
            missing=common.rows * common.cols,
        )
        self._open[i, j] = tile
        return tile


def _run(row: int, finished: list[tuple[int, _Tile]]) -> TileRun:
    """Joins tiles; what one block finishes in a row of tiles is contiguous."""
    return TileRun(
        row=row,
        col=finished[0][0],
        pixels=np.concatenate([tile.pixels for _, tile in finished], axis=2),
        valid=np.concatenate([tile.valid for _, tile in finished], axis=1),
    )
