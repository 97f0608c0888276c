"""The MTF of a pair's MS, estimated from windows of the scene."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import max_pool2d

from ssdiff_cli.device import processor_threads
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.parallel.threads import ordered_map, single_threaded
from ssdiff_models.registration.scene_shift import NoShift, SceneShift
from ssdiff_models.registration.window_shift import LEAST_VALID, shift_windows
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.mtf_estimate import GAIN_MARGIN, GainMisfit, gain_misfit, scene_gains
from ssdiff_models.scene.source import BoolArray, FloatArray, NativeMs, Patch

__all__ = ["with_estimated_mtf"]

COUNT = 3
"""Windows on each axis of a large scene."""
SIDE = 48
"""Their side in MS pixels."""
STRAIGHT = 0.02
"""MS pixels by which the map of a grid that is parallel to the PAN's may be off."""

_Grid = tuple[FloatArray, tuple[float, float], float]
"""MS pixels, the PAN row and column of the first one's centre, and PAN pixels per MS pixel."""


def with_estimated_mtf(pair: ScenePair, shift: SceneShift | NoShift | None) -> ScenePair:
    """Returns the scene with the MTF gains that its own pixels tell, or with why they do not.

    Args:
        pair: The scene; its area and polygons do not matter.
        shift: How far the MS must still be moved, as far as that is known.
    """
    moved = (shift.rows, shift.cols) if isinstance(shift, SceneShift) else (0.0, 0.0)
    found = ordered_map(
        partial(_misfit, pair.grid, moved),
        _patches(pair),
        # One thread a window: its small matrix products gain nothing from more.
        workers=processor_threads(),
        initializer=single_threaded,
    )
    windows = [window for window in found if window is not None]
    return replace(pair, mtf=scene_gains(windows, pair.bands))


def _patches(pair: ScenePair) -> Iterator[Patch]:
    scene = pair.without_region() if pair.region else pair
    margin = (GAIN_MARGIN + 1) * pair.ratio
    for window in shift_windows(pair.overlap, count=COUNT, size=SIDE, ratio=pair.ratio):
        yield scene.read(window.expand(margin))


def _misfit(grid: ModelGrid, moved: tuple[float, float], patch: Patch) -> GainMisfit | None:
    """Returns the misfit of a window; None where it has few pixels, or turned ones."""
    found = _ms_grid(patch, grid)
    if found is None or float(patch.valid.mean()) < LEAST_VALID:
        return None
    pixels, (row, col), pitch = found
    return gain_misfit(
        torch.from_numpy(patch.pan),
        torch.from_numpy(np.ascontiguousarray(pixels)),
        pitch,
        first=(row + moved[0], col + moved[1]),
        valid=_valid(patch.valid, found),
    )


def _ms_grid(patch: Patch, grid: ModelGrid) -> _Grid | None:
    """Returns the MS pixels as the sensor saw them; None where they are not parallel to the PAN."""
    native = patch.native_ms
    if native is None:
        inner = slice(MS_HALO, -MS_HALO)
        return patch.ms[:, inner, inner], (grid.phase, grid.phase), grid.ratio
    if isinstance(native, NativeMs):
        return native.pixels, native.phase, grid.ratio
    down = _axis(native.rows)
    across = _axis(native.cols.T)
    if down is None or across is None or abs(down[1] / across[1] - 1) > STRAIGHT:
        return None
    rows, row = _inside(*down, len(patch.pan))
    cols, col = _inside(*across, patch.pan.shape[1])
    return native.pixels[:, rows, cols], (row, col), down[1]


def _axis(positions: npt.NDArray[np.floating]) -> tuple[float, float] | None:
    """Returns the PAN index of MS pixel 0, and PAN pixels per MS pixel, along the first axis.

    None where the positions among the MS pixels do not grow evenly with it, or with the other.
    """
    places = np.arange(len(positions))
    line = positions[:, 0]
    step = float((line[-1] - line[0]) / places[-1])
    off = np.abs(positions - (line[0] + step * places)[:, None]).max()
    if not (off < STRAIGHT and step > 0):
        return None
    return -float(line[0]) / step, 1 / step


def _inside(first: float, pitch: float, size: int) -> tuple[slice, float]:
    """Returns the MS pixels whose centres lie in the PAN, and the place of the first of them."""
    start = max(int(np.ceil(-first / pitch)), 0)
    stop = int((size - 1 - first) / pitch) + 1
    return slice(start, stop), first + start * pitch


def _valid(valid: BoolArray, found: _Grid) -> torch.Tensor:
    """Returns which MS pixels have no gap among the PAN pixels that they cover."""
    pixels, first, pitch = found
    reach = int(pitch / 2)
    holes = torch.from_numpy(~valid).float()
    near = max_pool2d(holes[None], 2 * reach + 1, stride=1, padding=reach)[0]
    rows, cols = (
        (np.rint(start + pitch * np.arange(count)).clip(0, size - 1)).astype(np.int64)
        for start, count, size in zip(first, pixels.shape[1:], valid.shape, strict=True)
    )
    return near[rows][:, cols] == 0
