"""Where an image is scored: inside its border, everywhere or in some windows."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = [
    "aligned",
    "centred",
    "crop_slices",
    "has_block",
    "pieces",
    "random_windows",
    "window_count",
]

BLOCK = 32
"""Side of the metrics' blocks in pixels."""
LARGE = 64_000_000
"""PAN pixels above which a scene is scored by windows unless the user says otherwise."""
WINDOWS = 24
"""Windows of such a scene."""
SIDES = (256, 1024)
"""Smallest and largest side of a window in PAN pixels."""
PIECE = 1536
"""Side of the pieces of a whole scene in PAN pixels, about."""


def window_count(area: Window, asked: int | None) -> int | None:
    """Returns how many windows to score, None for the whole scene."""
    if asked is not None:
        return asked
    return WINDOWS if area.rows * area.cols > LARGE else None


def aligned(area: Window, start: int, size: int) -> Window:
    """Returns the largest part whose first pixel is a multiple of `start`, its sides of `size`.

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


def random_windows(area: Window, multiple: int, asked: int) -> Iterator[Window]:
    """Yields the disjoint windows of a lattice centred in `area`, in one random order.

    Any first N of them are a simple random sample without replacement, so their mean estimates
    the scene's. Sides, and distances to the area's first pixel, are multiples of `multiple`. The
    lattice has about twice as many windows as asked for, with sides in `SIDES`.
    """
    side = math.isqrt(area.rows * area.cols // (2 * asked))
    side = max(SIDES[0], min(SIDES[1], side))
    height, width = (min(side, size) // multiple * multiple for size in area.shape)
    rows = area.rows // height
    cols = area.cols // width
    row = area.row + (area.rows - rows * height) // 2 // multiple * multiple
    col = area.col + (area.cols - cols * width) // 2 // multiple * multiple
    cells = list(product(range(rows), range(cols)))
    for index in np.random.default_rng(0).permutation(len(cells)):
        i, j = cells[index]
        yield Window(row=row + i * height, col=col + j * width, rows=height, cols=width)


def centred(area: Window, side: int) -> Window:
    """Returns the middle of an area, at most `side` pixels high and wide."""
    rows = min(area.rows, side)
    cols = min(area.cols, side)
    row = area.row + (area.rows - rows) // 2
    col = area.col + (area.cols - cols) // 2
    return Window(row=row, col=col, rows=rows, cols=cols)


def pieces(area: Window, ratio: int) -> Iterator[Window]:
    """Yields disjoint windows that cover `area`, whole blocks of PAN and of MS pixels wide.

    The last of a row or column is up to twice as large.
    """
    lattice = BLOCK * ratio
    side = max(PIECE // lattice, 1) * lattice
    rows = max(area.rows // side, 1)
    cols = max(area.cols // side, 1)
    for i, j in product(range(rows), range(cols)):
        row = area.row + i * side
        col = area.col + j * side
        height = side if i + 1 < rows else area.row_stop - row
        width = side if j + 1 < cols else area.col_stop - col
        yield Window(row=row, col=col, rows=height, cols=width)


def has_block(valid: BoolArray) -> bool:
    """Whether one of the metrics' blocks, counted from the first pixel, is entirely valid."""
    rows, cols = (size // BLOCK for size in valid.shape)
    inside = valid[: rows * BLOCK, : cols * BLOCK]
    return bool(inside.reshape(rows, BLOCK, cols, BLOCK).all(axis=(1, 3)).any())


def crop_slices(name: str, rows: int, cols: int, crop: int) -> tuple[slice, slice]:
    """Returns the rows and columns that the DLPan toolbox scores (its ``crop:end-crop``).

    Raises:
        InputError: When the remaining part of image `name` is smaller than a metric's block.
    """
    first = max(crop - 1, 0)
    if min(rows, cols) - first - crop < BLOCK:
        raise InputError(
            f"{name}: {rows} x {cols} pixels to score, less a border of {crop} are smaller than "
            f"the metrics' {BLOCK} x {BLOCK} block: give a larger image or a smaller --crop"
        )
    return slice(first, rows - crop), slice(first, cols - crop)
