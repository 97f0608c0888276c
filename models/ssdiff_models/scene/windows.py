"""Integer geometry on the PAN grid: absolute windows, and lattices of them.

Tiles start at PAN row 0, column 0, so they are the same for every area of interest, shard and
resume point.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

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
        """Returns the smallest window around this one with corners on multiples."""
        return self.coarser(multiple).finer(multiple)

    def shrunk_to(self, multiple: int) -> "Window | None":
        """Returns the largest window in this one with corners on multiples, if any."""
        row = -(-self.row // multiple)
        col = -(-self.col // multiple)
        rows = self.row_stop // multiple - row
        cols = self.col_stop // multiple - col
        if rows <= 0 or cols <= 0:
            return None
        whole = Window(row=row, col=col, rows=rows, cols=cols)
        return whole.finer(multiple)

    def coarser(self, ratio: int) -> "Window":
        """Returns the pixels that this window touches on a grid `ratio` times as coarse."""
        row = self.row // ratio
        col = self.col // ratio
        rows = -(-self.row_stop // ratio) - row
        cols = -(-self.col_stop // ratio) - col
        return Window(row=row, col=col, rows=rows, cols=cols)

    def finer(self, ratio: int) -> "Window":
        """Returns the same place on a grid `ratio` times as fine."""
        return Window(
            row=self.row * ratio,
            col=self.col * ratio,
            rows=self.rows * ratio,
            cols=self.cols * ratio,
        )

    def intersection(self, other: "Window") -> "Window | None":
        """Returns the common part, or None when there is none."""
        row = max(self.row, other.row)
        col = max(self.col, other.col)
        rows = min(self.row_stop, other.row_stop) - row
        cols = min(self.col_stop, other.col_stop) - col
        if rows <= 0 or cols <= 0:
            return None
        return Window(row=row, col=col, rows=rows, cols=cols)

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """Returns the row and column slices of this window inside an array that holds `outer`."""
        row = self.row - outer.row
        col = self.col - outer.col
        row_stop = row + self.rows
        col_stop = col + self.cols
        return slice(row, row_stop), slice(col, col_stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """The lattice of overlapping tiles over a scene of `rows` x `cols` PAN pixels.

    Tile (i, j) starts at ``(i * step, j * step)`` and reaches `overlap` pixels into its lower and
    right neighbours. So block (i, j) of the output, ``step`` x ``step`` pixels, is complete as soon
    as tile (i, j) and those before it in row-major order are. The last tiles are trimmed to the
    scene, rounded up to a multiple of `multiple`.
    """

    rows: int
    """Height of the scene in PAN pixels."""
    cols: int
    """Width of the scene in PAN pixels."""
    step: int
    """Distance between tile origins in PAN pixels; a multiple of `multiple`."""
    overlap: int
    """PAN pixels shared with the lower and right tiles; a multiple of `multiple`, up to `step`."""
    multiple: int
    """Divisor of tile heights and widths: the network's window."""

    def __post_init__(self) -> None:
        if self.rows <= 0 or self.cols <= 0:
            raise UsageError(f"a scene needs at least one pixel, got {self.rows} x {self.cols}")
        if self.step <= 0 or self.step % self.multiple:
            raise UsageError(
                f"the tile step {self.step} must be a positive multiple of {self.multiple}: "
                "choose another --tile or --overlap"
            )
        if not 0 <= self.overlap <= self.step or self.overlap % self.multiple:
            raise UsageError(
                f"the overlap {self.overlap} must be a multiple of {self.multiple} between 0 and "
                f"{self.step}: choose another --overlap"
            )

    @property
    def tile_rows(self) -> int:
        """Number of tile rows."""
        return -(-self.rows // self.step)

    @property
    def tile_cols(self) -> int:
        """Number of tile columns."""
        return -(-self.cols // self.step)

    def tile(self, i: int, j: int) -> Window:
        """Returns the pixels of tile (i, j); they overhang the scene by less than `multiple`."""
        block = self.block(i, j)
        rows = self._side(self.rows - block.row)
        cols = self._side(self.cols - block.col)
        return Window(row=block.row, col=block.col, rows=rows, cols=cols)

    def _side(self, left: int) -> int:
        """Returns the side of a tile that begins `left` pixels before the end of the scene."""
        whole = -(-left // self.multiple) * self.multiple
        return min(self.step + self.overlap, whole)

    def block(self, i: int, j: int) -> Window:
        """Returns the output pixels that are complete once tile (i, j) is, inside the scene."""
        row = i * self.step
        col = j * self.step
        rows = min(self.step, self.rows - row)
        cols = min(self.step, self.cols - col)
        return Window(row=row, col=col, rows=rows, cols=cols)

    def covering(self, area: Window) -> tuple[range, range]:
        """Returns the tile rows and columns whose blocks touch `area`."""
        scene = Window(row=0, col=0, rows=self.rows, cols=self.cols)
        part = area.intersection(scene)
        if part is None:
            return range(0), range(0)
        tiles = part.coarser(self.step)
        return range(tiles.row, tiles.row_stop), range(tiles.col, tiles.col_stop)

    def blocks(self, area: Window) -> Iterator[tuple[int, int]]:
        """Yields the (i, j) of the blocks that touch `area`, in row-major order."""
        return product(*self.covering(area))


def sample_windows(region: Window, *, count: int, side: int, multiple: int = 1) -> Iterator[Window]:
    """Yields a regular lattice of windows, row-major; a small region whole.

    Args:
        region: The region to sample; its corner is a multiple of `multiple`.
        count: Windows on each axis.
        side: Side of a window in pixels, rounded down to `multiple`.
        multiple: Divisor of the windows' corners; in a small region, the last may overhang it.
    """
    for row, rows in _spans(region.row, region.rows, count, side, multiple):
        for col, cols in _spans(region.col, region.cols, count, side, multiple):
            yield Window(row=row, col=col, rows=rows, cols=cols)


def _spans(start: int, size: int, count: int, side: int, multiple: int) -> list[tuple[int, int]]:
    """Returns the start and size of the windows along one axis."""
    if size <= count * side:
        whole = -(-size // multiple) * multiple
        return [(start, whole)]
    side = side // multiple * multiple
    spans = []
    for k in range(count):
        centre = (2 * k + 1) * size // (2 * count)
        first = (centre - side // 2) // multiple * multiple
        spans.append((start + first, side))
    return spans
