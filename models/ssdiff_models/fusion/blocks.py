"""Fused blocks, and those of a local method: a scene is read block by block and fused on threads."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ssdiff_models.errors import UsageError
from ssdiff_models.fusion.blending import row_major
from ssdiff_models.parallel.threads import ordered_map, prefetch, single_threaded
from ssdiff_models.scene.source import BoolArray, FloatArray, Patch, Source
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["READ_AHEAD", "FusedBlock", "LocalFuser", "fuse_blocks", "part_of"]

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
    block_rows = part_of(block_rows, rows)

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


def part_of(rows: range, part: range | None) -> range:
    """Returns the rows of blocks to make, all by default.

    Raises:
        UsageError: When they lie outside the area.
    """
    if part is None:
        return rows
    if part.start < rows.start or part.stop > rows.stop or part.step != 1 or not part:
        raise UsageError(
            f"block rows {part.start}..{part.stop} are not part of the area's "
            f"{rows.start}..{rows.stop}"
        )
    return part


def _zeros(source: Source, window: Window) -> FloatArray:
    return np.zeros((source.bands, *window.shape), np.float32)
