"""Where a scene is scored: as a whole, or by a sample of windows when it is large."""

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
"""PAN pixels from which a scene is scored by windows unless told otherwise."""
WINDOWS = 24
"""Windows that are scored then."""
SIDES = (256, 1024)
"""Least and largest side of a window in PAN pixels."""


PIECE = 1536
"""Side of the pieces that a whole scene is fused and scored in, in PAN pixels; a multiple of the metrics' block."""


def window_count(area: Window, asked: int | None) -> int | None:
    """Returns how many windows to score, None for the whole scene."""
    return asked if asked is not None else (WINDOWS if area.rows * area.cols > LARGE else None)


def window_side(area: Window, asked: int) -> int:
    """Returns the largest side at which a scene has about twice as many windows as are asked for, within `SIDES`."""
    return max(SIDES[0], min(SIDES[1], math.isqrt(area.rows * area.cols // (2 * asked))))


def aligned(area: Window, start: int, size: int) -> Window:
    """Returns the largest part of `area` whose first pixel is a multiple of `start` and whose sides are multiples of `size`.

    Raises:
        InputError: When there is none.
    """
    row, col = -(-area.row // start) * start, -(-area.col // start) * start
    rows, cols = (area.row_stop - row) // size * size, (area.col_stop - col) // size * size
    if rows <= 0 or cols <= 0:
        raise InputError(
            f"the overlap of PAN and MS, {area.rows} x {area.cols} pixels, is too small to score"
        )
    return Window(row=row, col=col, rows=rows, cols=cols)


def random_windows(area: Window, multiple: int, side: int) -> Iterator[Window]:
    """Yields disjoint windows of a lattice centred in `area`, in an order that is random but always the same.

    Any first N of them are a simple random sample without replacement, so their mean estimates the scene's.

    Args:
        area: What is sampled; its first pixel is a multiple of the ratio.
        multiple: What windows' sides, and their distance to `area`'s first pixel, are multiples of.
        side: Side of a window in PAN pixels; smaller where the area is.
    """
    height, width = (min(side, size) // multiple * multiple for size in area.shape)
    rows, cols = area.rows // height, area.cols // width
    row = area.row + (area.rows - rows * height) // 2 // multiple * multiple
    col = area.col + (area.cols - cols * width) // 2 // multiple * multiple
    cells = list(product(range(rows), range(cols)))
    for index in np.random.default_rng(0).permutation(len(cells)):
        i, j = cells[index]
        yield Window(row=row + i * height, col=col + j * width, rows=height, cols=width)


def pieces(area: Window, side: int = PIECE) -> Iterator[Window]:
    """Yields disjoint windows that cover `area`: `side` pixels high and wide, the last of a row or column up to twice that."""
    rows, cols = max(area.rows // side, 1), max(area.cols // side, 1)
    for i, j in product(range(rows), range(cols)):
        row, col = area.row + i * side, area.col + j * side
        height = side if i + 1 < rows else area.row_stop - row
        width = side if j + 1 < cols else area.col_stop - col
        yield Window(row=row, col=col, rows=height, cols=width)


def has_block(valid: BoolArray, block: int) -> bool:
    """Whether a lattice of blocks, anchored at the first pixel, has one that is wholly valid."""
    rows, cols = (size // block * block for size in valid.shape)
    blocks = valid[:rows, :cols].reshape(rows // block, block, cols // block, block)
    return bool(blocks.all(axis=(1, 3)).any()) if blocks.size else False
