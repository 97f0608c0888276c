"""Shift between PAN and MS over a whole scene: estimates of several windows, and what most of them agree on."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from ssdiff_models.degrade import reduce_pan
from ssdiff_models.drift import Drift, Sightings, follow, steady
from ssdiff_models.registration import Shift, estimate_shift
from ssdiff_models.scene import MS_HALO, Patch
from ssdiff_models.surface import Surface
from ssdiff_models.tiles import Window

__all__ = ["LEAST_VALID", "NoShift", "SceneShift", "WindowShift", "agree", "lattice", "window_shift"]

REACH = 8
"""MS pixels that the search of the first guess looks to every side."""
LEAST_CORRELATION = 0.6
"""Multiple correlation of PAN and MS below which a window tells nothing."""
LEAST_VALID = 0.3
"""Share of a window's MS pixels that must be valid."""
CONTRADICTION = 1.5
"""PAN pixels of spread beyond which windows contradict each other."""


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
    """How the shift changes over the scene, where that was asked for and the windows tell it."""
    surface: Surface | None = None
    """What a shift that is linear over the scene leaves, where that is worth following."""

    @property
    def size(self) -> float:
        """The larger of rows and columns, without sign."""
        return max(abs(self.rows), abs(self.cols))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShift:
    """Why windows do not tell a shift."""

    windows: int
    """Windows that told one of their own."""
    spread: float = 0.0
    """Robust standard deviation of what they told, in PAN pixels."""
    correlation: float | None = None
    """Median over the windows of the multiple correlation of PAN and MS; None where none could be looked at."""

    @property
    def strangers(self) -> bool:
        """Whether PAN and MS have so little in common that they may show different places."""
        return self.correlation is not None and self.correlation <= LEAST_CORRELATION

    @property
    def reason(self) -> str:
        """What to say of it."""
        if not self.windows:
            return "too little that PAN and MS share"
        return f"{self.windows} windows contradict each other (spread {self.spread:.1f} PAN pixels)"


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
    down, right = _first_guess(reduce_pan(pan, ratio, first=(phase, phase), shape=(rows, cols)), ms, valid)
    part = ms[:, MS_HALO + down : MS_HALO + down + rows, MS_HALO + right : MS_HALO + right + cols]
    found = estimate_shift(pan, part, ratio, first=(phase, phase), valid=valid)
    # MS pixel (i + down) was handed over as pixel i: its content lies that much less far down.
    shift = Shift(
        rows=found.rows - ratio * down, cols=found.cols - ratio * right, correlation=found.correlation, error=found.error
    )
    if math.isnan(shift.correlation):  # without any content
        return None
    reach = max(window.rows, window.cols) / 2
    return WindowShift(row=window.row + window.rows / 2, col=window.col + window.cols / 2, shift=shift, reach=reach)


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


def agree(found: Iterable[WindowShift | None], *, local: bool = False) -> SceneShift | NoShift:
    """Returns what most windows say, or why there is no such thing.

    Args:
        found: The windows' estimates.
        local: Whether the shift may change over the scene, as far as there are windows enough to tell how.
    """
    looked = [window for window in found if window is not None]
    correlation = float(np.median([window.shift.correlation for window in looked])) if looked else None
    windows = [window for window in looked if window.shift.correlation > LEAST_CORRELATION]
    if not windows:
        return NoShift(windows=0, correlation=correlation)
    seen = _sightings(windows)
    fit = follow(seen) if local else steady(seen)
    spread = _spread(fit.left[fit.kept])
    if spread > CONTRADICTION or fit.kept.sum() < len(windows) / 2:
        return NoShift(windows=len(windows), spread=_spread(fit.left), correlation=correlation)
    return SceneShift(
        rows=fit.shift[0],
        cols=fit.shift[1],
        spread=spread,
        correlation=float(np.median([window.shift.correlation for window in windows])),
        windows=int(fit.kept.sum()),
        drift=fit.drift if local else None,
        surface=fit.surface,
    )


def _spread(left: npt.NDArray[np.float64]) -> float:
    """Robust standard deviation, the larger of rows and columns."""
    return 1.4826 * float(np.median(np.abs(left), axis=0).max())


def _sightings(windows: list[WindowShift]) -> Sightings:
    return Sightings(
        places=np.array([(window.row, window.col) for window in windows]),
        shifts=np.array([(window.shift.rows, window.shift.cols) for window in windows]),
        errors=np.array([window.shift.error for window in windows]),
        reach=float(np.median([window.reach for window in windows])),
    )
