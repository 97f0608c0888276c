"""Shift between PAN and MS over a whole scene: estimates of several windows, and what most of them agree on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from ssdiff_models.degrade import reduce_pan
from ssdiff_models.registration import Shift, estimate_shift
from ssdiff_models.scene import MS_HALO, Patch
from ssdiff_models.tiles import Window

__all__ = ["Drift", "SceneShift", "WindowShift", "agree", "lattice", "window_shift"]

REACH = 8
"""MS pixels that the search of the first guess looks to every side."""
LEAST_CORRELATION = 0.6
"""Multiple correlation of PAN and MS below which a window tells nothing."""
LEAST_VALID = 0.3
"""Share of a window's MS pixels that must be valid."""
FAR = 4.0
"""Robust standard deviations from the median beyond which a window is an outlier."""
CONTRADICTION = 1.5
"""PAN pixels of spread beyond which windows contradict each other."""
LEAST_ERROR = 0.002
"""PAN pixels of standard error that a window's estimate has at least."""
SLACK = 0.25
"""PAN pixels from the median that are never called an outlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A shift that changes over the scene: what is added to the one of the scene, per PAN pixel from a point on."""

    row: float
    """The point's PAN row."""
    col: float
    """The point's PAN column."""
    rows_per_row: float = 0.0
    rows_per_col: float = 0.0
    cols_per_row: float = 0.0
    cols_per_col: float = 0.0

    def at(self, row: float, col: float) -> tuple[float, float]:
        """Returns the rows and columns to add at a PAN position."""
        down, right = row - self.row, col - self.col
        return (
            self.rows_per_row * down + self.rows_per_col * right,
            self.cols_per_row * down + self.cols_per_col * right,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowShift:
    """The estimate of one window."""

    row: float
    """PAN row of the window's centre."""
    col: float
    """PAN column of the window's centre."""
    shift: Shift


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShift:
    """How far the MS must be moved to fit the PAN, in PAN pixels: the mean of the windows that agree, weighted by their errors."""

    rows: float
    """Down."""
    cols: float
    """Right."""
    spread: float
    """Robust standard deviation of the windows' estimates, the larger of rows and columns."""
    correlation: float
    """Median over the windows of the multiple correlation of PAN and MS bands."""
    windows: int
    """Windows that agree."""
    drift: Drift | None = None
    """How the shift changes over the scene, where that was asked for."""

    @property
    def size(self) -> float:
        """The larger of rows and columns, without sign."""
        return max(abs(self.rows), abs(self.cols))


def lattice(region: Window, *, count: int, size: int, ratio: int) -> Iterator[Window]:
    """Yields up to ``count * count`` windows of `size` MS pixels a side spread over `region`, anchored on MS pixels.

    On small regions they are fewer, and overlap by up to a half.
    """
    for row, rows in _spans(region.row, region.rows, count, size * ratio, ratio):
        for col, cols in _spans(region.col, region.cols, count, size * ratio, ratio):
            yield Window(row=row, col=col, rows=rows, cols=cols)


def _spans(start: int, length: int, count: int, size: int, ratio: int) -> list[tuple[int, int]]:
    first, last = -(-start // ratio) * ratio, (start + length) // ratio * ratio
    if last - first <= size:
        return [(first, last - first)] if last > first else []
    places = {
        round(place / ratio) * ratio for place in np.linspace(first, last - size, min(count, 2 * (last - first) // size - 1))
    }
    return [(place, size) for place in sorted(places)]


def window_shift(patch: Patch, window: Window, *, ratio: int, phase: float) -> WindowShift | None:
    """Estimates the shift of one window, or None where it shows too little.

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
    down, right = _first_guess(reduce_pan(pan, ratio, first=(phase, phase), shape=(rows, cols)), ms, valid)
    part = ms[:, MS_HALO + down : MS_HALO + down + rows, MS_HALO + right : MS_HALO + right + cols]
    found = estimate_shift(pan, part, ratio, first=(phase, phase), valid=valid)
    # MS pixel (i + down) was handed over as pixel i: its content lies that much less far down.
    shift = Shift(
        rows=found.rows - ratio * down, cols=found.cols - ratio * right, correlation=found.correlation, error=found.error
    )
    if not shift.correlation > LEAST_CORRELATION:
        return None
    return WindowShift(row=window.row + window.rows / 2, col=window.col + window.cols / 2, shift=shift)


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
    mean, square = (conv2d(image[None, None], mask)[0, 0] / count for image in (field, field.square()))
    score = product / (square - mean.square()).clamp(min=1e-12).sqrt()
    best = int(score.argmax())
    return best // score.shape[1] - REACH, best % score.shape[1] - REACH


def _edges(image: Tensor) -> Tensor:
    """Sum over the bands of gradient magnitudes, each band counting alike."""
    normal = image / image.std((1, 2), keepdim=True).clamp(min=1e-12)
    down, right = torch.gradient(normal, dim=(1, 2))
    return (down.square() + right.square()).sqrt().sum(0)


def agree(found: Iterable[WindowShift | None], *, local: bool = False) -> SceneShift | None:
    """Returns what most windows say, or None where no window told anything or they contradict each other.

    Args:
        found: The windows' estimates.
        local: Whether to fit a shift that changes linearly over the scene; needs 6 windows in general position.
    """
    windows = [window for window in found if window is not None]
    if not windows:
        return None
    shifts = np.array([(window.shift.rows, window.shift.cols) for window in windows])
    places = np.array([(window.row, window.col) for window in windows])
    centre = places.mean(0)
    design = np.column_stack([np.ones(len(places)), places - centre]) if local else np.ones((len(places), 1))
    errors = np.array([window.shift.error for window in windows])
    kept, fit = _robust_fit(design, shifts, errors)
    spread = 1.4826 * float(np.median(np.abs(shifts - design @ fit)[kept], axis=0).max())
    if spread > CONTRADICTION or kept.sum() < max(len(windows) / 2, 2 * design.shape[1] if local else 1):
        return None
    return SceneShift(
        rows=float(fit[0, 0]),
        cols=float(fit[0, 1]),
        spread=spread,
        correlation=float(np.median([window.shift.correlation for window in windows])),
        windows=int(kept.sum()),
        drift=_drift(centre, fit) if local else None,
    )


def _drift(centre: npt.NDArray[np.float64], fit: npt.NDArray[np.float64]) -> Drift:
    return Drift(
        row=float(centre[0]),
        col=float(centre[1]),
        rows_per_row=float(fit[1, 0]),
        rows_per_col=float(fit[2, 0]),
        cols_per_row=float(fit[1, 1]),
        cols_per_col=float(fit[2, 1]),
    )


def _robust_fit(
    design: npt.NDArray[np.float64], shifts: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Fits by least squares, weighted by the errors, leaving out what lies far off the fit (at first: the median)."""
    kept = np.ones(len(shifts), bool)
    fit = np.vstack([np.median(shifts, axis=0), np.zeros((design.shape[1] - 1, 2))])
    for _ in range(10):
        left = np.abs(shifts - design @ fit)
        limit = np.maximum(FAR * 1.4826 * np.median(left[kept], axis=0), SLACK)
        fresh = (left <= limit).all(1)
        scale = 1 / np.maximum(errors[fresh, None], LEAST_ERROR)
        fit = np.linalg.lstsq(design[fresh] * scale, shifts[fresh] * scale, rcond=None)[0]
        if (fresh == kept).all():
            break
        kept = fresh
    return kept, fit
