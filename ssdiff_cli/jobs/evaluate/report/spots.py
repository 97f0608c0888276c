"""The places of a scene where eyes find fault with fused images, each found by a rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.metrics.local_correlation import local_correlation
from ssdiff_models.metrics.window_sums import box_sums
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["SIDE", "Spot", "View", "find_spots"]

SIDE = 64
"""Side of a spot in PAN pixels."""
DARKEST, DARK = 12, 0.6
"""A shadow is darker than this percentile of the PAN, and than this part of its median above black."""
DISAGREED = 0.2
"""Correlation of PAN and MS, at the MS's resolution, below which one of them saw something else."""

Spot = tuple[slice, slice]
"""Rows and columns."""
Map = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the rules see of a scene; images are ``(rows, cols)``."""

    pan: FloatArray
    pan_low: FloatArray
    """The PAN at MS resolution on its own grid."""
    lms: FloatArray
    """``(bands, rows, cols)``: the interpolated MS."""
    valid: BoolArray
    bands: Sequence[str]
    """The names of the bands."""
    ratio: int


def find_spots(view: View) -> dict[str, Spot]:
    """Returns the spots by what is to be seen there, `SIDE` pixels high and wide, apart.

    What a scene does not have is left out; a scene smaller than a spot has none.
    """
    if min(view.pan.shape) < SIDE or not view.valid.any():
        return {}
    free = box_sums((~view.valid).astype(np.float64), SIDE) == 0
    found: dict[str, Spot] = {}
    for name, scores in _scores(view):
        left = np.where(free, scores, -np.inf)
        row, col = (int(index) for index in np.unravel_index(left.argmax(), left.shape))
        if not left[row, col] > 0:
            continue
        found[name] = slice(row, row + SIDE), slice(col, col + SIDE)
        near = slice(max(row - SIDE + 1, 0), row + SIDE), slice(max(col - SIDE + 1, 0), col + SIDE)
        free[near] = False
    return found


def _scores(view: View) -> Iterator[tuple[str, Map]]:
    """Yields a score of every window of `SIDE`, by its upper left pixel; 0 where there is nothing."""
    pan = view.pan.astype(np.float64)
    down, across = np.gradient(pan)
    # One glaring roof must not win over a street.
    strongest = np.percentile(np.hypot(down, across), 98) + 1e-9
    share = np.minimum(strongest / np.maximum(np.hypot(down, across), 1e-9), 1)
    down, across = down * share, across * share
    yield "moving object", _centred(_disagreement(view))
    yield "edge", _straightness(down, across)
    energy = np.sqrt(box_sums(down**2 + across**2, SIDE))
    black, percentile, median = np.percentile(pan[view.valid], (1, DARKEST, 50))
    dark = _mean(pan <= min(percentile, black + DARK * (median - black)))
    yield "shadow", np.minimum(dark, 0.5) * energy
    yield "vegetation", _vegetation(view) * np.sqrt(energy)
    yield "bright object", _centred(_blob(pan, 2) - _blob(pan, 2 * view.ratio))


def _straightness(down: Map, across: Map) -> Map:
    """Returns how much of the gradients' energy has one direction (the structure tensor)."""
    rows, cols, both = (box_sums(of, SIDE) for of in (down**2, across**2, down * across))
    return np.sqrt((rows - cols) ** 2 + 4 * both**2)


def _vegetation(view: View) -> Map:
    """Returns the share of plants: pixels of a high index of near infrared and red, or of green."""
    names = [name.lower() for name in view.bands]
    lms = np.maximum(view.lms.astype(np.float64), 0)
    infrared = next((name for name in ("nir", "nir1") if name in names), None)
    if infrared and "red" in names:
        near, red = lms[names.index(infrared)], lms[names.index("red")]
        return _mean((near - red) / np.maximum(near + red, 1e-9) > 0.3) ** 2
    if {"red", "green", "blue"} <= set(names):
        red, green, blue = (lms[names.index(name)] for name in ("red", "green", "blue"))
        return _mean(2 * green > 1.05 * (red + blue)) ** 2
    return np.zeros(tuple(size - SIDE + 1 for size in view.pan.shape))


def _disagreement(view: View) -> Map:
    """Returns where PAN and MS show other things at one resolution, 0 where they agree."""
    w = 2 * view.ratio
    lms, low = view.lms.astype(np.float64), view.pan_low.astype(np.float64)
    samples = lms[:, view.valid][:, ::7]
    design = np.vstack([samples, np.ones_like(samples[:1])]).T
    weights = np.linalg.lstsq(design, low[view.valid][::7], rcond=None)[0]
    seen = np.tensordot(weights[:-1], lms, 1)
    correlation = local_correlation(seen, low, w)
    both = np.minimum(_spread(seen, w), _spread(low, w))
    # Waves and noise disagree, too.
    clear = (correlation < DISAGREED) & (both > np.median(both[view.valid]))
    return np.where(clear, (DISAGREED - correlation) * both, 0)


def _spread(image: Map, w: int) -> Map:
    fine = image - _blob(image, 2 * w)
    return np.sqrt(np.maximum(_blob(fine**2, 2 * w), 0))


def _blob(image: Map, side: int) -> Map:
    """Returns the mean of the window of each pixel, the edges replicated."""
    before = (side - 1) // 2
    padded = np.pad(image, (before, side - 1 - before), mode="edge")
    return box_sums(padded, side) / side**2


def _centred(scores: Map) -> Map:
    """Returns for each window the score of its middle pixel."""
    half = SIDE // 2
    rows, cols = (size - SIDE + 1 for size in scores.shape)
    return scores[half : half + rows, half : half + cols]


def _mean(image: npt.NDArray[np.bool_]) -> Map:
    return box_sums(np.asarray(image, dtype=np.float64), SIDE) / SIDE**2
