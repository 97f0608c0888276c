"""Where a scene is scored: everywhere, or in some windows when it is large."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = [
    "LARGE",
    "WINDOWS",
    "aligned",
    "has_block",
    "pieces",
    "random_windows",
    "window_count",
    "window_side",
]

LARGE = 64_000_000
"""PAN pixels above which a scene is scored by windows unless the user says otherwise."""
WINDOWS = 24
"""Windows of such a scene."""
SIDES = (256, 1024)
"""Smallest and largest side of a window in PAN pixels."""
PIECE = 1536
"""Side of the pieces of a whole scene in PAN pixels; a multiple of the metrics' block."""


def window_count(area: Window, asked: int | None) -> int | None:
    """Returns how many windows to score, None for the whole scene."""
    if asked is not None:
        return asked
    return WINDOWS if area.rows * area.cols > LARGE else None


def window_side(area: Window, asked: int) -> int:
    """Returns the largest side in `SIDES` with about twice as many windows as asked for."""
    side = math.isqrt(area.rows * area.cols // (2 * asked))
    return max(SIDES[0], min(SIDES[1], side))


def aligned(area: Window, start: int, size: int) -> Window:
    """Returns the largest part of `area` that begins and ends on model pixels.

    Args:
        area: In PAN pixels.
        start: The first row and column are multiples of it.
        size: Height and width are multiples of it.

    Raises:
        InputError: When there is none.
    """
    row = -(-area.row // start) * start
    col = -(-area.col // start) * start
    rows = (area.row_stop - row) // size * size
    cols = (area.col_stop - col) // size * size
    if rows <= 0 or cols <= 0:
        raise InputError(
            f"the overlap of PAN and MS, {area.rows} x {area.cols} pixels, is too small to score"
        )
    return Window(row=row, col=col, rows=rows, cols=cols)


def random_windows(area: Window, multiple: int, side: int) -> Iterator[Window]:
    """Yields the disjoint windows of a lattice centred in `area`, in one random order.

    Any first N of them are a simple random sample without replacement, so their mean estimates
    the scene's.

    Args:
        area: What is sampled.
        multiple: Sides, and distances to the area's first pixel, are multiples of it.
        side: Side of a window in PAN pixels; smaller where the area is.
    """
    height, width = (min(side, size) // multiple * multiple for size in area.shape)
    rows = area.rows // height
    cols = area.cols // width
    row = area.row + (area.rows - rows * height) // 2 // multiple * multiple
    col = area.col + (area.cols - cols * width) // 2 // multiple * multiple
    cells = list(product(range(rows), range(cols)))
    for index in np.random.default_rng(0).permutation(len(cells)):
        i, j = cells[index]
        yield Window(row=row + i * height, col=col + j * width, rows=height, cols=width)


def pieces(area: Window, side: int = PIECE) -> Iterator[Window]:
    """Yields disjoint windows that cover `area`, `side` pixels high and wide.

    The last of a row or column is up to twice as large.
    """
    rows = max(area.rows // side, 1)
    cols = max(area.cols // side, 1)
    for i, j in product(range(rows), range(cols)):
        row = area.row + i * side
        col = area.col + j * side
        height = side if i + 1 < rows else area.row_stop - row
        width = side if j + 1 < cols else area.col_stop - col
        yield Window(row=row, col=col, rows=height, cols=width)


def has_block(valid: BoolArray, block: int) -> bool:
    """Whether one block of the lattice that starts at the first pixel is entirely valid."""
    rows, cols = (size // block * block for size in valid.shape)
    blocks = valid[:rows, :cols].reshape(rows // block, block, cols // block, block)
    return bool(blocks.all(axis=(1, 3)).any())
