"""From a scene to fused blocks in row-major order: tiles are read ahead, fused and blended."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from ssdiff_models.errors import ModelError
from ssdiff_models.fusion.blending import Blender, needed_tiles, row_major
from ssdiff_models.fusion.blocks import READ_AHEAD, FusedBlock, part_of
from ssdiff_models.fusion.inputs import InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.runners import Runner
from ssdiff_models.parallel.threads import prefetch
from ssdiff_models.scene.source import BoolArray, FloatArray, Source
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["fuse_tiles", "model_grid"]


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
    block_rows = part_of(block_rows, rows)
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


def _read(source: Source, grid: TileGrid, places: list[tuple[int, int]]) -> Iterator[InputTile]:
    for i, j in places:
        window = grid.tile(i, j)
        yield InputTile.of(source.read(window), window)
