"""Integer geometry of tiles on the PAN grid: absolute windows and the lattice that covers a scene.

The lattice is anchored at PAN row 0, column 0, so a tile is the same tile for every area of interest, shard and resume point.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ssdiff_models.errors import UsageError

__all__ = ["TileGrid", "Window", "sample_windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle of PAN pixels, in absolute rows and columns of the PAN raster."""

    row: int
    """First row; may be negative where a window overhangs the scene."""
    col: int
    """First column; may be negative where a window overhangs the scene."""
    rows: int
    """Height in PAN pixels."""
    cols: int
    """Width in PAN pixels."""

    def __post_init__(self) -> None:
        if self.rows <= 0 or self.cols <= 0:
            raise UsageError(
                f"a window needs at least one row and one column, got {self.rows} x {self.cols}"
            )

    @property
    def row_stop(self) -> int:
        """Row after the last."""
        return self.row + self.rows

    @property
    def col_stop(self) -> int:
        """Column after the last."""
        return self.col + self.cols

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, cols)``."""
        return self.rows, self.cols

    def expand(self, pixels: int) -> "Window":
        """Returns the window grown by `pixels` on every side."""
        return Window(
            row=self.row - pixels,
            col=self.col - pixels,
            rows=self.rows + 2 * pixels,
            cols=self.cols + 2 * pixels,
        )

    def grown_to(self, multiple: int) -> "Window":
        """Returns the smallest window around this one whose corners are multiples of `multiple`."""
        row = self.row // multiple * multiple
        col = self.col // multiple * multiple
        row_stop = -(-self.row_stop // multiple) * multiple
        col_stop = -(-self.col_stop // multiple) * multiple
        return Window(row=row, col=col, rows=row_stop - row, cols=col_stop - col)

    def shrunk_to(self, multiple: int) -> "Window | None":
        """Returns the largest window in this one whose corners are multiples, or None."""
        row = -(-self.row // multiple) * multiple
        col = -(-self.col // multiple) * multiple
        rows = self.row_stop // multiple * multiple - row
        cols = self.col_stop // multiple * multiple - col
        return Window(row=row, col=col, rows=rows, cols=cols) if rows > 0 and cols > 0 else None

    def coarser(self, ratio: int) -> "Window":
        """Returns the pixels that this window touches on a grid `ratio` times as coarse."""
        grown = self.grown_to(ratio)
        return Window(
            row=grown.row // ratio,
            col=grown.col // ratio,
            rows=grown.rows // ratio,
            cols=grown.cols // ratio,
        )

    def intersection(self, other: "Window") -> "Window | None":
        """Returns the common part, or None when there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        rows, cols = (
            min(self.row_stop, other.row_stop) - row,
            min(self.col_stop, other.col_stop) - col,
        )
        return Window(row=row, col=col, rows=rows, cols=cols) if rows > 0 and cols > 0 else None

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """Returns the row and column slices of this window inside an array that holds `outer`."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.rows), slice(col, col + self.cols)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """The lattice of overlapping tiles over a scene of `rows` x `cols` PAN pixels.

    Tile (i, j) starts at ``(i * step, j * step)`` and reaches `overlap` pixels into its lower and right neighbours, so block (i, j)
    of the output, ``step`` x ``step`` pixels, is complete as soon as tile (i, j) and the ones before it in row-major order are.
    The last tiles are trimmed to the scene, rounded up to a multiple of `multiple`.
    """

    rows: int
    """Height of the scene in PAN pixels."""
    cols: int
    """Width of the scene in PAN pixels."""
    step: int
    """Distance between tile origins in PAN pixels; a multiple of `multiple`."""
    overlap: int
    """Pixels a tile shares with its lower and right neighbours; a multiple of `multiple`, at most `step`."""
    multiple: int
    """What tile heights and widths are multiples of: the network's window."""

    def __post_init__(self) -> None:
        if self.rows <= 0 or self.cols <= 0:
            raise UsageError(f"a scene needs at least one pixel, got {self.rows} x {self.cols}")
        if self.step <= 0 or self.step % self.multiple:
            raise UsageError(
                f"the tile step {self.step} must be a positive multiple of {self.multiple}: choose another --tile or --overlap"
            )
        if not 0 <= self.overlap <= self.step or self.overlap % self.multiple:
            raise UsageError(
                f"the overlap {self.overlap} must be a multiple of {self.multiple} between 0 and {self.step}: choose another --overlap"
            )

    @property
    def tile_rows(self) -> int:
        """Number of tile rows."""
        return -(-self.rows // self.step)

    @property
    def tile_cols(self) -> int:
        """Number of tile columns."""
        return -(-self.cols // self.step)

    def _span(self, index: int, size: int) -> int:
        left = -(-(size - index * self.step) // self.multiple) * self.multiple
        return min(self.step + self.overlap, left)

    def tile(self, i: int, j: int) -> Window:
        """Returns the pixels that tile (i, j) reads; it may overhang the scene by less than `multiple`."""
        return Window(
            row=i * self.step,
            col=j * self.step,
            rows=self._span(i, self.rows),
            cols=self._span(j, self.cols),
        )

    def block(self, i: int, j: int) -> Window:
        """Returns the output pixels that are complete once tile (i, j) is, inside the scene."""
        row, col = i * self.step, j * self.step
        return Window(
            row=row,
            col=col,
            rows=min(self.step, self.rows - row),
            cols=min(self.step, self.cols - col),
        )

    def covering(self, area: Window) -> tuple[range, range]:
        """Returns the tile rows and columns whose blocks touch `area`."""
        rows = range(max(area.row, 0) // self.step, -(-min(area.row_stop, self.rows) // self.step))
        cols = range(max(area.col, 0) // self.step, -(-min(area.col_stop, self.cols) // self.step))
        return rows, cols

    def blocks(self, area: Window) -> Iterator[tuple[int, int]]:
        """Yields the (i, j) of the blocks that touch `area`, in row-major order."""
        rows, cols = self.covering(area)
        for i in rows:
            for j in cols:
                yield i, j


def sample_windows(region: Window, *, count: int, side: int, multiple: int = 1) -> Iterator[Window]:
    """Yields a regular lattice of windows in a region, row-major; the whole region where it is small.

    Args:
        region: What is sampled; its corner is a multiple of `multiple`.
        count: Windows on each axis.
        side: Side of a window in pixels, rounded down to `multiple`.
        multiple: What the windows' corners are multiples of; on a small region, the last one may
            overhang it.
    """
    for row, rows in _spans(region.row, region.rows, count, side, multiple):
        for col, cols in _spans(region.col, region.cols, count, side, multiple):
            yield Window(row=row, col=col, rows=rows, cols=cols)


def _spans(start: int, size: int, count: int, side: int, multiple: int) -> list[tuple[int, int]]:
    """Returns the start and size of the windows along one axis."""
    if size <= count * side:
        return [(start, -(-size // multiple) * multiple)]
    side = side // multiple * multiple
    centres = [(2 * k + 1) * size // (2 * count) for k in range(count)]
    return [(start + (centre - side // 2) // multiple * multiple, side) for centre in centres]
