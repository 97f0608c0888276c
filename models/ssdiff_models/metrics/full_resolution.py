"""Metrics without a reference: D_lambda (Khan's and QNR's), D_s, HQNR and QNR.

Definitions of the DLPan toolbox. Images are converted, filtered and scored by strips of rows;
borders of strips leave no trace. `scene_figures` has these and more for scenes in pieces.
"""

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
    "d_lambda",
    "d_lambda_khan",
    "d_s",
    "figures",
    "hqnr",
    "pan_plane",
    "qnr",
    "seen_by_sensor",
]

STRIP_ROWS = 256
"""Rows that are filtered and scored at a time."""
REACH = 20
"""Rows on either side that the MTF filter sees."""


def figures(khan: float, spatial: float, spectral: float) -> dict[str, float]:
    """Returns all figures from Khan's D_lambda, D_s and QNR's D_lambda."""
    return {
        "d_lambda_khan": khan,
        "d_s": spatial,
        "hqnr": _quality(khan, spatial),
        "d_lambda": spectral,
        "qnr": _quality(spectral, spatial),
    }


def _quality(spectral: float, spatial: float) -> float:
    return (1 - spectral) * (1 - spatial)


def seen_by_sensor(rows: Strip, sensor: Sensor, ratio: int) -> Strip:
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
        counts = None if valid is None else valid[wide]
        around = strip(fused[:, wide], lms[:, wide], counts)
        first = row - wide.start
        own = slice(first, first + STRIP_ROWS)
        quality.add(seen_by_sensor(around, known, ratio)[own])
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
    sharp = pan_plane(pan, fused, valid)
    soft = pan_lowpass(sharp, ratio) if pan_low is None else pan_plane(pan_low, fused, valid)
    high = BlockIndex(block=block)
    low = BlockIndex(block=block)
    bands = strips(fused, lms, valid, side=STRIP_ROWS)
    planes = strips(sharp, soft, side=STRIP_ROWS)
    for part, pans in zip(bands, planes, strict=True):
        fine = np.concatenate([part.fused, pans.fused])
        coarse = np.concatenate([part.reference, pans.reference])
        high.update(fine, part.valid)
        low.update(coarse, part.valid)
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


def pan_plane(pan: Array, fused: Array, valid: Mask | None) -> Image:
    """Returns the PAN as ``(1, rows, cols)``, 0 where it does not count."""
    plane = pan[None] if pan.ndim == 2 else pan
    grid = tuple(fused.shape[1:])
    if tuple(plane.shape) != (1, *grid):
        raise InputError(
            f"the PAN has shape {tuple(pan.shape)}, the fused image {grid} (rows, cols): "
            "they must be on one grid"
        )
    return strip(plane, plane, valid).fused
