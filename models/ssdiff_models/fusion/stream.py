"""From a Source to fused blocks: tiles are read ahead, fused, blended and come out as finished blocks, in row-major order."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.blending import Blender, needed, row_major
from ssdiff_models.fusion.model_fuser import InputTile, ModelFuser
from ssdiff_models.fusion.runners import Runner
from ssdiff_models.parallel.threads import ordered_map, prefetch, single_threaded
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch, Source
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["FusedBlock", "LocalFuser", "fuse_blocks", "fuse_tiles", "model_grid"]

READ_AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedBlock:
    """A finished part of the output, inside the source's area."""

    window: Window
    """Absolute PAN pixels."""
    fused: FloatArray
    """``(bands, rows, cols)``, DN."""
    spread: FloatArray | None
    """Standard deviation of the samples in DN, like `fused`; None where the method does not draw several."""
    valid: BoolArray
    """``(rows, cols)``."""


class LocalFuser(Protocol):
    """A method whose pixels depend on a bounded neighbourhood: classical ones, once their statistics are known."""

    @property
    def halo(self) -> int:
        """PAN pixels needed around a window; a multiple of the ratio."""
        ...

    def __call__(self, patch: Patch, window: Window) -> FloatArray:
        """Returns ``(bands, rows, cols)`` in DN for `window`, given the patch of the window grown by `halo`."""
        ...


def model_grid(source: Source, fuser: ModelFuser) -> TileGrid:
    """Returns the lattice of tiles of a whole scene."""
    settings = fuser.settings
    return TileGrid(
        rows=source.rows,
        cols=source.cols,
        step=settings.tile,
        overlap=settings.overlap,
        multiple=fuser.multiple,
    )


def fuse_tiles(
    source: Source, fuser: ModelFuser, runner: Runner, rows: range | None = None
) -> Iterator[FusedBlock]:
    """Yields the fused blocks of the source's area.

    Args:
        source: The scene.
        fuser: The model with the scene's radiometry.
        runner: How the tiles are run; it does not change the pixels.
        rows: Rows of blocks to make, all by default; the row above the first is computed too where tiles overlap.

    Raises:
        ModelError: When the scene's ratio is not the model's, or its output is not finite.
        UsageError: When `rows` lies outside the area.
    """
    fuser.check(source.ratio)
    grid = model_grid(source, fuser)
    wanted_rows, wanted_cols = grid.covering(source.area)
    wanted_rows = _narrowed(wanted_rows, rows)
    top = max(source.area.row, wanted_rows.start * grid.step)
    all_rows, all_cols = needed(
        grid, Window(row=top, col=source.area.col, rows=1, cols=source.area.cols)
    )
    all_rows = range(all_rows.start, wanted_rows.stop)
    places = row_major(all_rows, all_cols)
    blender = Blender(grid, all_cols)
    with closing(
        prefetch(_read(source, grid, all_rows, all_cols), READ_AHEAD + runner.ahead)
    ) as tiles:
        for (i, j), (tile, pixels) in zip(places, runner.run(fuser, tiles), strict=True):
            _check_finite(pixels, fuser, grid.tile(i, j))
            if j == all_cols.start:
                blender.start_row()
            window, done = blender.add(i, j, pixels)
            if i in wanted_rows and j in wanted_cols:
                yield from _inside(source, window, done, tile.valid[: window.rows, : window.cols])


def _check_finite(pixels: FloatArray, fuser: ModelFuser, tile: Window) -> None:
    """Keeps values that are none from becoming a 0 in the output."""
    if not np.isfinite(pixels).all():
        raise ModelError(
            f"model {fuser.checkpoint.name}: what it makes of the tile at row {tile.row}, column {tile.col} is not finite: its weights are "
            "broken, or too much for the precision; choose another --model, or --precision fp32"
        )


def _narrowed(rows: range, part: range | None) -> range:
    if part is None:
        return rows
    if part.start < rows.start or part.stop > rows.stop or part.step != 1 or not part:
        raise UsageError(
            f"block rows {part.start}..{part.stop} are not part of the area's {rows.start}..{rows.stop}"
        )
    return part


def _read(source: Source, grid: TileGrid, rows: range, cols: range) -> Iterator[InputTile]:
    for i, j in row_major(rows, cols):
        window = grid.tile(i, j)
        yield InputTile.of(source.read(window), window)


def _inside(
    source: Source, window: Window, done: FloatArray, mask: BoolArray
) -> Iterator[FusedBlock]:
    part = window.intersection(source.area)
    if part is None:
        return
    rows, cols = part.within(window)
    fused, spread = done[: source.bands, rows, cols], done[source.bands :, rows, cols]
    yield FusedBlock(
        window=part, fused=fused, spread=spread if len(spread) else None, valid=mask[rows, cols]
    )


def fuse_blocks(
    source: Source, fuser: LocalFuser, *, block: int, workers: int, rows: range | None = None
) -> Iterator[FusedBlock]:
    """Yields the fused blocks of the source's area by a local method: each block is read with its halo and computed alone.

    Args:
        source: The scene.
        fuser: The method.
        block: Side of a block in PAN pixels, a multiple of the ratio; it does not change the pixels.
        workers: Blocks computed at a time.
        rows: Rows of blocks to make, all by default.

    Raises:
        UsageError: When `rows` lies outside the area, or the block is no multiple of the ratio.
    """
    grid = TileGrid(
        rows=source.rows, cols=source.cols, step=block, overlap=0, multiple=source.ratio
    )
    wanted, cols = grid.covering(source.area)
    windows = (grid.block(i, j) for i, j in row_major(_narrowed(wanted, rows), cols))

    def read() -> Iterator[tuple[Window, Patch]]:
        for whole in windows:
            part = whole.intersection(source.area)
            if part is not None:
                window = _aligned(part, source.ratio)
                yield part, source.read(window.expand(fuser.halo))

    def compute(item: tuple[Window, Patch]) -> FusedBlock:
        part, patch = item
        window = _aligned(part, source.ratio)
        inner = patch.valid[
            fuser.halo : fuser.halo + window.rows, fuser.halo : fuser.halo + window.cols
        ]
        cut = part.within(window)
        fused = fuser(patch, window) if inner.any() else _zeros(patch, window)
        return FusedBlock(
            window=part, fused=fused[:, cut[0], cut[1]], spread=None, valid=inner[cut]
        )

    with closing(prefetch(read(), READ_AHEAD)) as patches:
        yield from ordered_map(compute, patches, workers=workers, initializer=single_threaded)


def _aligned(window: Window, ratio: int) -> Window:
    """Grows a window to whole MS model pixels."""
    row, col = window.row // ratio * ratio, window.col // ratio * ratio
    rows, cols = (
        -(-window.row_stop // ratio) * ratio - row,
        -(-window.col_stop // ratio) * ratio - col,
    )
    return Window(row=row, col=col, rows=rows, cols=cols)


def _zeros(patch: Patch, window: Window) -> FloatArray:
    return np.zeros((patch.ms.shape[0], *window.shape), np.float32)
