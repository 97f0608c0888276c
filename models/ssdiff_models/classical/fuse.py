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
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import Sensor

__all__ = ["fuse"]

Pixels = npt.NDArray[np.floating] | npt.NDArray[np.integer]


def fuse(
    method: str,
    *,
    pan: Pixels,
    ms: Pixels,
    lms: Pixels,
    sensor: Sensor | str,
    ratio: int,
    phase: float | None = None,
) -> npt.NDArray[np.float64]:
    """Fuses arrays of DN by a classical method in double precision.

    Args:
        method: One of `METHODS`.
        pan: ``(rows, cols)``.
        ms: ``(bands, rows/ratio, cols/ratio)``.
        lms: ``(bands, rows, cols)``: the MS interpolated to the PAN grid (EXP).
        sensor: Whose MTF gains are used, or its name.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of MS pixel 0: ``(ratio - 1)/2`` where the corners coincide;
            None: ``ratio/2``, as in the field's data sets.

    The result is ``(bands, rows, cols)``; ratio methods keep within `RATIO_LIMIT` times the MS.

    Raises:
        SsdiffError: For unknown names, and arrays that do not fit each other or are not finite.
    """
    known = find(method)
    _check(pan.shape, ms.shape, lms.shape, ratio=ratio)
    sharp = _tensor(pan)
    small = _tensor(ms)
    large = _tensor(lms)
    grid = ModelGrid(ratio=ratio, phase=ratio / 2 if phase is None else phase)
    ranges = tuple((float(band.min()), float(band.max())) for band in large)
    floors = matched_floors([_moments(band) for band in large], pan=_moments(sharp))
    context = Context.of(grid, sensor, ranges, floors)
    context = replace(context, percentiles=exact_percentiles(large))
    block = WholeImage(sharp, small, large, grid)
    statistics = known.gather(block, context) or Statistics()
    return known.solve(statistics, context).apply(block).numpy()


def _tensor(pixels: Pixels) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float64))
    if not bool(tensor.isfinite().all()):
        raise InputError(
            "PAN or MS has values that are not finite: fill them first, or use the command, "
            "which handles nodata"
        )
    return tensor


def _check(pan: tuple[int, ...], ms: tuple[int, ...], lms: tuple[int, ...], *, ratio: int) -> None:
    if len(pan) != 2 or len(ms) != 3 or len(lms) != 3:
        raise InputError(
            f"PAN must be (rows, cols), MS and EXP (bands, rows, cols), got {pan}, {ms} and {lms}"
        )
    if 0 in ms or pan != (ms[1] * ratio, ms[2] * ratio) or lms != (ms[0], *pan):
        raise InputError(
            f"a PAN of {pan} and an EXP of {lms} pixels do not fit an MS of {ms} at ratio {ratio}"
        )


def _moments(band: Tensor) -> tuple[float, float]:
    return float(band.mean()), float(band.std())
