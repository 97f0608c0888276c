"""Classical methods on arrays, with the borders of the reference toolbox."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models.classical.haze_ratio import exact_percentiles
from ssdiff_models.classical.method import Context
from ssdiff_models.classical.moments import Statistics, matched_floors
from ssdiff_models.classical.registry import find
from ssdiff_models.classical.whole_image import WholeImage
from ssdiff_models.errors import InputError
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import Sensor

__all__ = ["fuse"]

Pixels = npt.NDArray[np.floating] | npt.NDArray[np.integer] | Tensor


def fuse(
    method: str,
    *,
    pan: Pixels,
    ms: Pixels,
    lms: Pixels | None = None,
    sensor: Sensor | str,
    ratio: int,
    phase: float | None = None,
) -> npt.NDArray[np.float64]:
    """Fuses arrays, or tensors, of DN by a classical method in double precision.

    Args:
        method: One of `METHODS`.
        pan: ``(rows, cols)``.
        ms: ``(bands, rows/ratio, cols/ratio)``.
        lms: ``(bands, rows, cols)``: the MS interpolated to the PAN grid (EXP); None: by
            `upsample_image`.
        sensor: Whose MTF gains are used, or its name.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of MS pixel 0: ``(ratio - 1)/2`` where the corners coincide;
            None: ``ratio/2``, as in the field's data sets.

    The result is ``(bands, rows, cols)``; ratio methods keep within `RATIO_LIMIT` times the MS.

    Raises:
        SsdiffError: For unknown names, and arrays that do not fit each other or are not finite.
    """
    known = find(method)
    grid = ModelGrid(ratio=ratio, phase=ratio / 2 if phase is None else phase)
    _check(tuple(pan.shape), tuple(ms.shape), lms if lms is None else tuple(lms.shape), ratio=ratio)
    sharp = _tensor(pan)
    small = _tensor(ms)
    large = upsample_image(small, ratio, grid.phase) if lms is None else _tensor(lms)
    ranges = tuple((float(band.min()), float(band.max())) for band in large)
    floors = matched_floors([_moments(band) for band in large], pan=_moments(sharp))
    context = Context.of(grid, sensor, ranges, floors)
    context = replace(context, percentiles=exact_percentiles(large))
    block = WholeImage(sharp, small, large, grid)
    statistics = known.gather(block, context) or Statistics()
    return known.solve(statistics, context).apply(block).numpy()


def _tensor(pixels: Pixels) -> Tensor:
    array = pixels.cpu() if isinstance(pixels, Tensor) else pixels
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
    if not bool(tensor.isfinite().all()):
        raise InputError(
            "PAN or MS has values that are not finite: fill them first, or use the command, "
            "which handles nodata"
        )
    return tensor


def _check(
    pan: tuple[int, ...], ms: tuple[int, ...], lms: tuple[int, ...] | None, *, ratio: int
) -> None:
    if len(pan) != 2 or len(ms) != 3:
        raise InputError(f"PAN must be (rows, cols) and MS (bands, rows, cols), got {pan} and {ms}")
    if 0 in ms or pan != (ms[1] * ratio, ms[2] * ratio):
        raise InputError(
            f"a PAN of {pan} pixels does not fit an MS of {ms} at ratio {ratio}: crop both to "
            "whole MS pixels"
        )
    if lms is not None and lms != (ms[0], *pan):
        raise InputError(f"an EXP of {lms} does not fit a PAN of {pan} and {ms[0]} bands")


def _moments(band: Tensor) -> tuple[float, float]:
    return float(band.mean()), float(band.std())
