"""The shift between PAN and MS within one window."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_pan
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window

__all__ = ["LEAST_VALID", "WindowShift", "shift_windows", "window_shift"]

REACH = 8
"""MS pixels that the search of the first guess looks to every side."""
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

    Their corners are multiples of `ratio`. On small regions they are fewer, and overlap by up to a half.
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
    places = np.linspace(start, start + length - size, fitting)
    return [(place, size) for place in sorted({round(place / ratio) * ratio for place in places})]


def window_shift(patch: Patch, window: Window, *, ratio: int, phase: float) -> WindowShift | None:
    """Estimates the shift of one window, or None where it is empty or too little of it is valid.

    Args:
        patch: The window's pixels.
        window: Its place; a multiple of the ratio.
        ratio: PAN pixels per MS pixel.
        phase: PAN index, from the window's corner, of the centre of its first MS pixel.
    """
    rows, cols = window.rows // ratio, window.cols // ratio
    valid = _whole_pixels(torch.from_numpy(patch.valid), ratio)
    if min(rows, cols) < 12 or float(valid.float().mean()) < LEAST_VALID:
        return None
    pan, ms = torch.from_numpy(patch.pan).double(), torch.from_numpy(patch.ms).double()
    down, right = _first_guess(
        reduce_pan(pan, ratio, first=(phase, phase), shape=(rows, cols)), ms, valid
    )
    part = ms[:, MS_HALO + down : MS_HALO + down + rows, MS_HALO + right : MS_HALO + right + cols]
    found = estimate_shift(pan, part, ratio, first=(phase, phase), valid=valid)
    # MS pixel (i + down) was handed over as pixel i: its content lies that much less far down.
    shift = Shift(
        rows=found.rows - ratio * down,
        cols=found.cols - ratio * right,
        correlation=found.correlation,
        error=found.error,
    )
    if math.isnan(shift.correlation):  # without any content
        return None
    reach = max(window.rows, window.cols) / 2
    return WindowShift(
        row=window.row + window.rows / 2, col=window.col + window.cols / 2, shift=shift, reach=reach
    )


def _whole_pixels(valid: Tensor, ratio: int) -> Tensor:
    """MS pixels around which two more on every side are valid all over."""
    holes = max_pool2d((~valid).float()[None, None], ratio)
    return max_pool2d(holes, 5, stride=1, padding=2)[0, 0] == 0


def _first_guess(reduced: Tensor, ms: Tensor, valid: Tensor) -> tuple[int, int]:
    """Returns the offset in MS pixels at which the edges of the MS fit those of the reduced PAN best.

    Edges, because bands may be darker where the PAN is brighter.
    """
    template = _edges(reduced[None]) * valid
    template = (template - template.sum() / valid.sum()) * valid
    inner = MS_HALO - REACH
    field = _edges(ms)[inner : ms.shape[-2] - inner, inner : ms.shape[-1] - inner]
    product = conv2d(field[None, None], template[None, None])[0, 0]
    count, mask = valid.sum(), valid.to(field)[None, None]
    mean, square = (
        conv2d(image[None, None], mask)[0, 0] / count for image in (field, field.square())
    )
    score = product / (square - mean.square()).clamp(min=1e-12).sqrt()
    best = int(score.argmax())
    return best // score.shape[1] - REACH, best % score.shape[1] - REACH


def _edges(image: Tensor) -> Tensor:
    """Sum over the bands of gradient magnitudes, each band counting alike."""
    normal = image / image.std((1, 2), keepdim=True).clamp(min=1e-12)
    down, right = torch.gradient(normal, dim=(1, 2))
    return (down.square() + right.square()).sqrt().sum(0)
