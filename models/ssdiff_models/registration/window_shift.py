"""The shift between PAN and MS within one window."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import BoolArray, Patch
from ssdiff_models.scene.windows import Window

__all__ = ["LEAST_VALID", "WindowShift", "shift_windows", "window_shift"]

REACH = 8
"""MS pixels that the first guess searches to every side."""
LEAST_SIDE = 12
"""MS pixels that a window's sides must have."""
LEAST_VALID = 0.3
"""Share of a window's MS pixels that must be valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowShift:
    """The estimate of one window."""

    row: float
    """PAN row of the window's centre."""
    col: float
    """PAN column of the window's centre."""
    shift: Shift
    reach: float = 0.0
    """Half the window's longer side in PAN pixels."""


def shift_windows(region: Window, *, count: int, size: int, ratio: int) -> Iterator[Window]:
    """Yields up to ``count * count`` windows of `size` MS pixels a side, from edge to edge.

    Their corners are multiples of `ratio`. On small regions they are fewer, and overlap by up to a
    half.
    """
    inner = region.shrunk_to(ratio)
    if inner is None:
        return
    for row, rows in _spans(inner.row, inner.rows, count, size * ratio, ratio):
        for col, cols in _spans(inner.col, inner.cols, count, size * ratio, ratio):
            yield Window(row=row, col=col, rows=rows, cols=cols)


def _spans(start: int, length: int, count: int, size: int, ratio: int) -> list[tuple[int, int]]:
    if length <= size:
        return [(start, length)]
    fitting = min(count, 2 * length // size - 1)
    last = start + length - size
    places = np.linspace(start, last, fitting)
    on_grid = {round(place / ratio) * ratio for place in places}
    return [(place, size) for place in sorted(on_grid)]


def window_shift(patch: Patch, window: Window, *, grid: ModelGrid) -> WindowShift | None:
    """Estimates the shift of one window; None where it is empty or too little of it is valid.

    `window` is the place of the patch, a multiple of the ratio.
    """
    ratio = grid.ratio
    first = (grid.phase, grid.phase)
    rows = window.rows // ratio
    cols = window.cols // ratio
    valid = _valid_around(patch.valid, ratio)
    if min(rows, cols) < LEAST_SIDE or float(valid.float().mean()) < LEAST_VALID:
        return None
    pan = torch.from_numpy(patch.pan).double()
    ms = torch.from_numpy(patch.ms).double()
    reduced = reduce_pan(pan, ratio, first=first, shape=(rows, cols))
    down, right = _first_guess(reduced, ms, valid)
    row = MS_HALO + down
    col = MS_HALO + right
    guessed = ms[:, row : row + rows, col : col + cols]
    shift = estimate_shift(pan, guessed, ratio, first=first, valid=valid)
    if math.isnan(shift.correlation):  # without any content
        return None
    # MS pixel (i + down) was passed as pixel i, so its content seems that much higher up.
    down_all = shift.rows - ratio * down
    right_all = shift.cols - ratio * right
    return WindowShift(
        row=window.row + window.rows / 2,
        col=window.col + window.cols / 2,
        shift=replace(shift, rows=down_all, cols=right_all),
        reach=max(window.shape) / 2,
    )


def _valid_around(valid: BoolArray, ratio: int) -> Tensor:
    """Returns the MS pixels that are valid with all pixels up to two MS pixels around them."""
    gaps = torch.from_numpy(~valid).float()
    holes = max_pool2d(gaps[None], ratio)
    around = max_pool2d(holes, 5, stride=1, padding=2)[0]
    return around == 0


def _first_guess(reduced: Tensor, ms: Tensor, valid: Tensor) -> tuple[int, int]:
    """Returns the offset in MS pixels at which the edges of MS and reduced PAN match best.

    Edges, because bands may be darker where the PAN is brighter.
    """
    count = valid.sum()
    edges = _edges(reduced[None]) * valid
    average = edges.sum() / count
    template = (edges - average) * valid
    inner = slice(MS_HALO - REACH, REACH - MS_HALO)
    field = _edges(ms)[inner, inner]
    mask = valid.to(field)
    product = _correlated(field, template)
    mean = _correlated(field, mask) / count
    square = _correlated(field.square(), mask) / count
    variance = square - mean.square()
    score = product / variance.clamp(min=1e-12).sqrt()
    best = int(score.argmax())
    row, col = divmod(best, score.shape[1])
    return row - REACH, col - REACH


def _correlated(image: Tensor, kernel: Tensor) -> Tensor:
    return conv2d(image[None, None], kernel[None, None])[0, 0]


def _edges(image: Tensor) -> Tensor:
    """Returns the sum over the bands of gradient magnitudes, each band with equal weight."""
    spread = image.std((1, 2), keepdim=True)
    normal = image / spread.clamp(min=1e-12)
    down, right = torch.gradient(normal, dim=(1, 2))
    magnitude = (down.square() + right.square()).sqrt()
    return magnitude.sum(0)
