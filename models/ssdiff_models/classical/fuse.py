"""Classical methods on arrays, and on scenes of any size in one streamed pass of statistics and one of fusion."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models.classical.block import Geometry
from ssdiff_models.classical.haze_ratio import exact_percentiles
from ssdiff_models.classical.method import Context, Numbers, floor
from ssdiff_models.classical.moments import Statistics
from ssdiff_models.classical.registry import find
from ssdiff_models.classical.whole_image import WholeImage
from ssdiff_models.errors import InputError
from ssdiff_models.scene import sensors
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
    """Fuses arrays by a classical method in double precision, with the borders of the reference toolbox.

    Args:
        method: One of `METHODS`.
        pan: ``(rows, cols)``, DN.
        ms: ``(bands, rows/ratio, cols/ratio)``, DN.
        lms: ``(bands, rows, cols)``: the MS interpolated to the PAN grid (EXP).
        sensor: Whose MTF gains are used, or its name.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of MS pixel 0; ``ratio/2`` by default, as in the field's data sets. On rasters whose outer corners
            coincide it is ``(ratio - 1)/2``.

    Returns:
        ``(bands, rows, cols)``. Ratio methods keep within `RATIO_LIMIT` times the MS; otherwise the reference's values.

    Raises:
        UsageError: When the method or the sensor is unknown.
        InputError: When the arrays do not fit each other or hold values that are not finite.
    """
    known = find(method)
    image, small, large = (
        torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64)) for array in (pan, ms, lms)
    )
    _check(tuple(image.shape), tuple(small.shape), tuple(large.shape), ratio=ratio)
    if not all(bool(tensor.isfinite().all()) for tensor in (image, small, large)):
        raise InputError(
            "PAN or MS has values that are not finite: fill them first, or use the command, which handles nodata"
        )
    geometry = Geometry(ratio=ratio, phase=ratio / 2 if phase is None else phase)
    block = WholeImage(image, small, large, geometry)
    limits = tuple((float(band.min()), float(band.max())) for band in large)
    floors = floors_of(_moments(image), [_moments(band) for band in large])
    context = context_of(geometry, sensor, limits, floors)
    if len(limits) == 4:
        context = replace(context, percentiles=exact_percentiles(large))
    statistics = known.gather(block, context) or Statistics()
    return known.solve(statistics, context).apply(block).numpy()


def _check(pan: tuple[int, ...], ms: tuple[int, ...], lms: tuple[int, ...], *, ratio: int) -> None:
    if len(pan) != 2 or len(ms) != 3 or len(lms) != 3:
        raise InputError(
            f"PAN must be (rows, cols), MS and EXP (bands, rows, cols), got {pan}, {ms} and {lms}"
        )
    if 0 in ms or pan != (ms[1] * ratio, ms[2] * ratio) or lms != (ms[0], *pan):
        raise InputError(
            f"a PAN of {pan} and an EXP of {lms} pixels do not fit an MS of {ms} at ratio {ratio}"
        )


def context_of(
    geometry: Geometry,
    sensor: Sensor | str,
    ranges: tuple[tuple[float, float], ...],
    floors: Numbers,
) -> Context:
    known = sensors.get(sensor) if isinstance(sensor, str) else sensor
    return Context(
        geometry=geometry,
        gains=known.gains(len(ranges)),
        pan_gain=known.pan_gain,
        ranges=ranges,
        floors=floors,
    )


def _moments(band: Tensor) -> tuple[float, float]:
    return float(band.mean()), float(band.std())


def floors_of(pan: tuple[float, float], bands: list[tuple[float, float]]) -> Numbers:
    return tuple(floor(mean, std, pan_mean=pan[0], pan_std=pan[1]) for mean, std in bands)
