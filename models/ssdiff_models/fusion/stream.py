"""From a scene to fused blocks in row-major order: tiles are read ahead, fused and blended."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.blending import Blender, needed_tiles, row_major
from ssdiff_models.fusion.inputs import InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import Runner
from ssdiff_models.parallel.threads import ordered_map, prefetch, single_threaded
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch, Source
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["FusedBlock", "LocalFuser", "fuse_blocks", "fuse_tiles", "model_grid"]

READ_AHEAD = 4
"""Tiles that are read before they are needed, besides those of the runner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedBlock:
    """A finished part of the output, inside the source's area."""

    window: Window
    """Absolute PAN pixels."""
    fused: FloatArray
    """``(bands, rows, cols)``, DN."""
    spread: FloatArray | None
    """Standard deviation of the samples in DN, like `fused`; None where there is only one."""
    valid: BoolArray
    """``(rows, cols)``."""


class LocalFuser(Protocol):
    """A method whose pixels depend on a bounded neighbourhood, as a classical rule's do."""

    @property
    def halo(self) -> int:
        """PAN pixels needed around a window; a multiple of the ratio."""
        ...

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        """Returns ``(bands, rows, cols)`` in DN for `window` from the patch around it."""
        ...


def model_grid(source: Source, fuser: ModelFuser) -> TileGrid:
    """Returns the lattice of tiles of a whole scene."""
    return TileGrid(
        rows=source.rows,
        cols=source.cols,
        step=fuser.settings.tile,
        overlap=fuser.settings.overlap,
        multiple=fuser.multiple,
    )


def fuse_tiles(
    source: Source, fuser: ModelFuser, runner: Runner, rows: range | None = None
) -> Iterator[FusedBlock]:
    """Yields the fused blocks of the source's area.

    Args:
        source: The scene.
        fuser: The model bound to the scene.
        runner: How the tiles are run; it does not change the pixels.
        rows: Rows of blocks to make, all by default.

    Raises:
        ModelError: When the scene's ratio is not the model's, or its output is not finite.
        UsageError: When `rows` lies outside the area.
    """
    fuser.check(source.ratio)
    grid = model_grid(source, fuser)
    area = source.area
    block_rows, block_cols = grid.covering(area)
    block_rows = _part(block_rows, rows)
    top = max(area.row, block_rows.start * grid.step)
    first = Window(row=top, col=area.col, rows=1, cols=area.cols)
    tile_rows, tile_cols = needed_tiles(grid, first)
    places = list(row_major(range(tile_rows.start, block_rows.stop), tile_cols))
    blender = Blender(grid)
    depth = READ_AHEAD + runner.read_ahead
    with closing(prefetch(_read(source, grid, places), depth)) as tiles:
        for (i, j), (tile, pixels) in zip(places, runner.run(fuser, tiles), strict=True):
            _check_finite(pixels, fuser, tile.window)
            if j == tile_cols.start:
                blender.start_row()
            window, layers = blender.add(i, j, pixels)
            part = window.intersection(area)
            if i in block_rows and j in block_cols and part is not None:
                inside = part.within(window)
                valid = tile.valid[: window.rows, : window.cols][inside]
                yield _block(part, layers[:, *inside], valid, source.bands)


def _block(window: Window, layers: FloatArray, valid: BoolArray, bands: int) -> FusedBlock:
    spread = layers[bands:] if len(layers) > bands else None
    return FusedBlock(window=window, fused=layers[:bands], spread=spread, valid=valid)


def _check_finite(pixels: FloatArray, fuser: ModelFuser, tile: Window) -> None:
    """Keeps infinite values and NaN from becoming a 0 in the output."""
    if not np.isfinite(pixels).all():
        raise ModelError(
            f"model {fuser.checkpoint.name}: what it makes of the tile at row {tile.row}, column "
            f"{tile.col} is not finite: its weights are broken, or too much for the precision; "
            "choose another --model, or --precision fp32"
        )


def _part(rows: range, part: range | None) -> range:
    if part is None:
        return rows
    if part.start < rows.start or part.stop > rows.stop or part.step != 1 or not part:
        raise UsageError(
            f"block rows {part.start}..{part.stop} are not part of the area's "
            f"{rows.start}..{rows.stop}"
        )
    return part


def _read(source: Source, grid: TileGrid, places: list[tuple[int, int]]) -> Iterator[InputTile]:
    for i, j in places:
        window = grid.tile(i, j)
        yield InputTile.of(source.read(window), window)


def _zeros(source: Source, window: Window) -> FloatArray:
    return np.zeros((source.bands, *window.shape), np.float32)


def fuse_blocks(
    source: Source, fuser: LocalFuser, *, block: int, workers: int, rows: range | None = None
) -> Iterator[FusedBlock]:
    """Yields the fused blocks of the source's area by a local method, each read with its halo.

    Args:
        source: The scene.
        fuser: The method.
        block: Side of a block in PAN pixels, a multiple of the ratio; no pixel depends on it.
        workers: Blocks computed at a time.
        rows: Rows of blocks to make, all by default.

    Raises:
        UsageError: When `rows` lies outside the area, or the block is no multiple of the ratio.
    """
    grid = TileGrid(
        rows=source.rows, cols=source.cols, step=block, overlap=0, multiple=source.ratio
    )
    block_rows, block_cols = grid.covering(source.area)
    block_rows = _part(block_rows, rows)

    def read() -> Iterator[tuple[Window, Patch]]:
        for i, j in row_major(block_rows, block_cols):
            part = grid.block(i, j).intersection(source.area)
            if part is not None:
                yield part, source.read(part.grown_to(source.ratio).expand(fuser.halo))

    def compute(item: tuple[Window, Patch]) -> FusedBlock:
        part, patch = item
        window = part.grown_to(source.ratio)
        valid = patch.valid[window.within(window.expand(fuser.halo))]
        fused = fuser(patch, window) if valid.any() else _zeros(source, window)
        inside = part.within(window)
        return FusedBlock(window=part, fused=fused[:, *inside], spread=None, valid=valid[inside])

    with closing(prefetch(read(), READ_AHEAD)) as patches:
        yield from ordered_map(compute, patches, workers=workers, initializer=single_threaded)
