"""Interpolation of MS images to the PAN grid (EXP), at any phase."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.borders import extended, weighted_rows
from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import MS_HALO, lagrange

__all__ = ["interp23", "shift_image", "upsample", "upsample_image"]

LAGRANGE_TAPS = 12
"""Of degree 11, whose midpoint weights are the 23-tap filter's."""

_HALF_BAND = (
    0.610668182370,
    -0.145397186478,
    0.043619155884,
    -0.010385513306,
    0.001615524292,
    -0.000120162964,
)


def shift_image(image: Tensor, first: tuple[float, float]) -> Tensor:
    """Resamples ``(rows, cols)`` at ``first + i`` by 12-tap Lagrange interpolation, mirrored."""
    row, col = first
    rows = _shift_rows(image, row)
    return _shift_rows(rows.mT, col).mT


def _shift_rows(image: Tensor, first: float) -> Tensor:
    base = math.floor(first)
    taps = lagrange(first - base, LAGRANGE_TAPS)
    weights = torch.tensor(taps, dtype=torch.float64)
    start = base + 1 - LAGRANGE_TAPS // 2
    return weighted_rows(image, weights, start=start, step=1, count=len(image))


def interp23(ms: Tensor, ratio: int) -> Tensor:
    """Interpolates by the 23-tap half-band filter with circular borders (interp23tap).

    Pixel i lands at ``ratio*i + ratio/2``.

    Raises:
        UsageError: When `ratio` is neither 2 nor 4.
    """
    if ratio not in (2, 4):
        raise UsageError(f"the 23-tap interpolator serves ratios 2 and 4, got {ratio}")
    for step in range(ratio // 2):
        first = step == 0
        wide = _double(ms, -1, first=first)
        ms = _double(wide, -2, first=first)
    return ms


def _double(image: Tensor, axis: int, *, first: bool) -> Tensor:
    """Doubles one axis: samples land on odd positions at first, on even ones after it."""
    between = torch.zeros_like(image)
    for m, tap in enumerate(_HALF_BAND):
        before, after = (m + 1, -m) if first else (m, -(m + 1))
        neighbours = image.roll(before, axis) + image.roll(after, axis)
        between += tap * neighbours
    pair = (between, image) if first else (image, between)
    interleaved = torch.stack(pair, axis)
    return interleaved.flatten(axis - 1, axis)


def upsample(ms: Tensor, ratio: int, phase: float) -> Tensor:
    """Interpolates an MS window to the PAN grid (EXP): the LMS.

    At phase ``ratio/2`` this is the 23-tap interpolator, elsewhere Lagrange interpolation of
    degree 11.

    Args:
        ms: ``(bands, rows + 2*MS_HALO, cols + 2*MS_HALO)``.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of the MS pixel after the halo, from 0 to `ratio`.

    Returns:
        ``(bands, rows*ratio, cols*ratio)``.
    """
    kernel, origin = _interpolator(ratio, phase)
    first = MS_HALO + origin
    _, rows, cols = ms.shape
    row_stop = first + kernel.span(rows - 2 * MS_HALO)
    col_stop = first + kernel.span(cols - 2 * MS_HALO)
    window = ms[:, first:row_stop, first:col_stop]
    return resample(window, kernel, kernel)


def upsample_image(ms: Tensor, ratio: int, phase: float) -> Tensor:
    """Interpolates a whole MS image ``(bands, rows, cols)`` (EXP), mirrored at its borders."""
    wide = extended(ms, MS_HALO, "symmetric")
    return upsample(wide, ratio, phase)


@lru_cache(maxsize=32)
def _interpolator(ratio: int, phase: float) -> tuple[Filter, int]:
    """Returns the taps of the `ratio` output residues and the MS offset of the first tap."""
    if ratio in (2, 4) and phase == ratio / 2:
        return _half_band(ratio), -9
    taps = np.zeros((ratio, LAGRANGE_TAPS + 2))
    for residue in range(ratio):
        position = (residue - phase) / ratio
        base = math.floor(position)
        first = base + 1
        stop = first + LAGRANGE_TAPS
        taps[residue, first:stop] = lagrange(position - base, LAGRANGE_TAPS)
    return Filter.of(taps, 1), -6


def _half_band(ratio: int) -> Filter:
    """Returns the taps of `interp23` from its response to an impulse."""
    size = 32
    pixel = 16
    impulse = torch.zeros(1, size, size, dtype=torch.float64)
    impulse[0, pixel, pixel] = 1.0
    col = ratio * pixel + ratio // 2
    response = interp23(impulse, ratio)[0, :, col].numpy()
    # The impulse reaches output ratio*(pixel - k) + residue through tap k, from -9 to 9.
    by_residue = response.reshape(size, ratio).T
    last = pixel + 9
    taps = by_residue[:, last : pixel - 10 : -1]
    return Filter.of(taps, 1)
