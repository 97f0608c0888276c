"""Metrics without a reference: D_lambda (Khan's and QNR's), D_s, HQNR and QNR.

Definitions of the DLPan toolbox. Images are converted, filtered and scored by strips of rows;
borders of strips leave no trace.
"""

from typing import Self, TypeVar

import numpy as np
import torch

from ssdiff_models.errors import InputError
from ssdiff_models.metrics.base import Array, Image, Mask, Strip, strip, strips
from ssdiff_models.metrics.block_index import (
    BlockIndex,
    pan_lowpass,
    spatial_distortion,
    spectral_distortion,
)
from ssdiff_models.metrics.q2n import Q2nAccumulator
from ssdiff_models.resampling.degrade import mtf_filter
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = [
    "REACH",
    "STRIP_ROWS",
    "FullResolution",
    "d_lambda",
    "d_lambda_khan",
    "d_s",
    "full_resolution_scores",
    "hqnr",
    "qnr",
]

STRIP_ROWS = 256
"""Rows that are filtered and scored at a time."""
REACH = 20
"""Rows on either side that the MTF filter sees."""

Total = TypeVar("Total", float, Image)


class FullResolution:
    """Sums what D_lambda (Khan), D_s, HQNR, D_lambda (QNR) and QNR need over pieces of a scene.

    Pieces give the figures of the whole scene when they start and end at multiples of the block,
    counted from the scene's first pixel, or at its border, and `REACH` pixels around each come
    with it where there are any.
    """

    def __init__(self, *, sensor: Sensor, ratio: int, block: int = 32) -> None:
        """Takes the sensor of the MTF gains, PAN pixels per MS pixel, and the blocks' side."""
        self._sensor = sensor
        self._ratio = ratio
        self._block = block
        self._q2n: tuple[float, int] = (0.0, 0)
        self._high: tuple[Image, int] = (np.zeros(()), 0)
        self._low: tuple[Image, int] = (np.zeros(()), 0)

    def update(
        self,
        fused: Array,
        lms: Array,
        pan: Array,
        pan_low: Array,
        *,
        inner: tuple[slice, slice],
        valid: Mask,
    ) -> Self:
        """Takes one piece.

        Args:
            fused: ``(bands, rows, cols)`` in DN: the piece and its surroundings.
            lms: The up-sampled MS, the same shape.
            pan: ``(rows, cols)``.
            pan_low: The PAN at MS resolution on its own grid, ``(rows, cols)``.
            inner: The piece's own rows and columns.
            valid: ``(rows, cols)``, True where a pixel counts.

        Raises:
            InputError: When the images cannot be compared or are smaller than a block.
        """
        quality = Q2nAccumulator(block=self._block)
        high = BlockIndex(block=self._block)
        low = BlockIndex(block=self._block)
        first, last, _ = inner[0].indices(valid.shape[0])
        for row in range(first, last, STRIP_ROWS):
            wide = slice(max(row - REACH, 0), row + STRIP_ROWS + REACH)
            own_rows = slice(row - wide.start, min(row + STRIP_ROWS, last) - wide.start)
            bands = strip(fused[:, wide], lms[:, wide], valid[wide])
            planes = strip(pan[None, wide], pan_low[None, wide], valid[wide])
            filtered = _filtered(bands, self._sensor, self._ratio)[own_rows].inner(inner[1])
            bands = bands[own_rows].inner(inner[1])
            planes = planes[own_rows].inner(inner[1])
            quality.add(filtered)
            high.update(np.concatenate([bands.fused, planes.fused]), bands.valid)
            low.update(np.concatenate([bands.reference, planes.reference]), bands.valid)
        self._q2n = _sum(self._q2n, quality.totals())
        self._high = _sum(self._high, high.totals())
        self._low = _sum(self._low, low.totals())
        return self

    def result(self) -> dict[str, float]:
        """Returns ``d_lambda_khan, d_s, hqnr, d_lambda, qnr``.

        Raises:
            InputError: When no block is wholly valid.
        """
        high = _mean(self._high, self._block)
        low = _mean(self._low, self._block)
        khan = 1 - _mean(self._q2n, self._block)
        spectral = spectral_distortion(high[:-1, :-1], low[:-1, :-1])
        return _scores(khan, spatial_distortion(high, low), spectral)


def _scores(khan: float, spatial: float, spectral: float) -> dict[str, float]:
    return {
        "d_lambda_khan": khan,
        "d_s": spatial,
        "hqnr": _quality(khan, spatial),
        "d_lambda": spectral,
        "qnr": _quality(spectral, spatial),
    }


def _quality(spectral: float, spatial: float) -> float:
    return (1 - spectral) * (1 - spatial)


def _sum(a: tuple[Total, int], b: tuple[Total, int]) -> tuple[Total, int]:
    return a[0] + b[0], a[1] + b[1]


def _mean(totals: tuple[Total, int], block: int) -> Total:
    total, count = totals
    if not count:
        raise InputError(
            f"no block of {block} x {block} pixels is wholly valid: score a larger window"
        )
    return total / count


def _filtered(rows: Strip, sensor: Sensor, ratio: int) -> Strip:
    """Returns the fused image as the sensor's MS instrument sees it, beside the LMS."""
    gains = sensor.gains(rows.fused.shape[0])
    seen = mtf_filter(torch.from_numpy(rows.fused), gains, ratio).numpy()
    return Strip(fused=seen, reference=rows.reference, valid=rows.valid)


def d_lambda_khan(
    fused: Array,
    lms: Array,
    *,
    sensor: str | Sensor,
    ratio: int,
    block: int = 32,
    valid: Mask | None = None,
) -> float:
    """Returns Khan's spectral distortion at PAN scale: 0 is best.

    It is 1 - Q2n(LMS, fused seen through the sensor's MTF).

    Args:
        fused: ``(bands, rows, cols)`` in DN.
        lms: The up-sampled MS, the same shape.
        sensor: Name, or the sensor itself, whose MTF gains are used.
        ratio: PAN pixels per MS pixel.
        block: Side of Q2n's blocks.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared or are smaller than a block.
        UsageError: When the sensor is unknown.
    """
    known = sensors.get(sensor) if isinstance(sensor, str) else sensor
    quality = Q2nAccumulator(block=block)
    for row in range(0, fused.shape[1], STRIP_ROWS):
        wide = slice(max(row - REACH, 0), row + STRIP_ROWS + REACH)
        around = strip(fused[:, wide], lms[:, wide], None if valid is None else valid[wide])
        own = slice(row - wide.start, row - wide.start + STRIP_ROWS)
        quality.add(_filtered(around, known, ratio)[own])
    return 1 - quality.result()


def d_s(
    fused: Array,
    lms: Array,
    pan: Array,
    *,
    ratio: int,
    block: int = 32,
    valid: Mask | None = None,
    pan_low: Array | None = None,
) -> float:
    """Returns the spatial distortion: how a band's likeness to the PAN changes with resolution.

    It is the mean over bands of ``|Q(fused_k, PAN) - Q(LMS_k, low-pass PAN)|``: 0 is best. Q is the
    mean over disjoint blocks; incomplete ones are left out (the toolbox refuses such sizes).

    Args:
        fused: ``(bands, rows, cols)``.
        lms: The up-sampled MS, the same shape.
        pan: ``(rows, cols)`` or ``(1, rows, cols)``.
        ratio: PAN pixels per MS pixel, 2 or 4.
        block: Side of the blocks.
        valid: ``(rows, cols)``, True where a pixel counts; blocks with another one are left out.
        pan_low: The PAN at MS resolution on its own grid, shaped as `pan`; None: `pan_lowpass`.

    Raises:
        InputError: When the images cannot be compared, their sides are no multiples of `ratio`, or
            no block is wholly valid.
    """
    sharp = _plane(pan, fused, valid)
    soft = pan_lowpass(sharp, ratio) if pan_low is None else _plane(pan_low, fused, valid)
    high = BlockIndex(block=block)
    low = BlockIndex(block=block)
    bands = strips(fused, lms, valid, side=STRIP_ROWS)
    planes = strips(sharp, soft, side=STRIP_ROWS)
    for part, pans in zip(bands, planes, strict=True):
        high.update(np.concatenate([part.fused, pans.fused]), part.valid)
        low.update(np.concatenate([part.reference, pans.reference]), part.valid)
    return spatial_distortion(high.result(), low.result())


def d_lambda(fused: Array, lms: Array, *, block: int = 32, valid: Mask | None = None) -> float:
    """Returns QNR's own spectral distortion: 0 is best; NaN for a single band, which has no pairs.

    It is the mean over pairs of bands of ``|Q(fused_i, fused_j) - Q(LMS_i, LMS_j)|``.

    Args and errors are those of `d_s`; no PAN is needed.
    """
    high = BlockIndex(block=block)
    low = BlockIndex(block=block)
    for part in strips(fused, lms, valid, side=STRIP_ROWS):
        high.update(part.fused, part.valid)
        low.update(part.reference, part.valid)
    return spectral_distortion(high.result(), low.result())


def hqnr(
    fused: Array,
    lms: Array,
    pan: Array,
    *,
    sensor: str | Sensor,
    ratio: int,
    block: int = 32,
    valid: Mask | None = None,
) -> float:
    """Returns the hybrid quality with no reference, ``(1 - d_lambda_khan)(1 - d_s)``: 1 is best.

    Args and errors are those of `d_lambda_khan` and `d_s`.
    """
    spectral = d_lambda_khan(fused, lms, sensor=sensor, ratio=ratio, block=block, valid=valid)
    return _quality(spectral, d_s(fused, lms, pan, ratio=ratio, block=block, valid=valid))


def qnr(
    fused: Array, lms: Array, pan: Array, *, ratio: int, block: int = 32, valid: Mask | None = None
) -> float:
    """Returns the quality with no reference, ``(1 - d_lambda)(1 - d_s)``: 1 is best.

    Args and errors are those of `d_lambda` and `d_s`.
    """
    spectral = d_lambda(fused, lms, block=block, valid=valid)
    return _quality(spectral, d_s(fused, lms, pan, ratio=ratio, block=block, valid=valid))


def full_resolution_scores(
    fused: Array,
    lms: Array,
    pan: Array,
    *,
    sensor: str | Sensor,
    ratio: int,
    valid: Mask | None = None,
) -> dict[str, float]:
    """Returns ``d_lambda_khan, d_s, hqnr, d_lambda, qnr`` of one image.

    Args and errors are those of `d_lambda_khan` and `d_s`.
    """
    khan = d_lambda_khan(fused, lms, sensor=sensor, ratio=ratio, valid=valid)
    spatial = d_s(fused, lms, pan, ratio=ratio, valid=valid)
    return _scores(khan, spatial, d_lambda(fused, lms, valid=valid))


def _plane(pan: Array, fused: Array, valid: Mask | None) -> Image:
    """Returns the PAN as ``(1, rows, cols)``, 0 where it does not count."""
    plane = pan[None] if pan.ndim == 2 else pan
    grid = tuple(fused.shape[1:])
    if tuple(plane.shape) != (1, *grid):
        raise InputError(
            f"the PAN has shape {tuple(pan.shape)}, the fused image {grid} (rows, cols): "
            "they must be on one grid"
        )
    return strip(plane, plane, valid).fused
