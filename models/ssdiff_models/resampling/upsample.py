"""Interpolation of MS images to the PAN grid: the 23-tap kernel of EXP and its relatives at other phases."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.separable import Filter, resample
from ssdiff_models.resampling.taps import LAGRANGE, lagrange

__all__ = ["interp23", "shift_image", "upsample"]

_HALF_BAND = (
    0.610668182370,
    -0.145397186478,
    0.043619155884,
    -0.010385513306,
    0.001615524292,
    -0.000120162964,
)


def shift_image(image: Tensor, first: tuple[float, float]) -> Tensor:
    """Resamples ``(rows, cols)`` at ``first + i`` by 12-tap Lagrange interpolation, without changing its size; borders are mirrored."""
    rows = _lagrange_rows(image, first[0])
    return _lagrange_rows(rows.mT, first[1]).mT


def _lagrange_rows(image: Tensor, first: float) -> Tensor:
    size, base = image.shape[-2], math.floor(first)
    weights = torch.from_numpy(lagrange(first - base)).to(image)
    index = (torch.arange(size)[:, None] + base + torch.from_numpy(LAGRANGE)).remainder(2 * size)
    index = torch.where(index < size, index, 2 * size - 1 - index).to(image.device)
    return torch.einsum("ktc,t->kc", image[index], weights)


def interp23(ms: Tensor, ratio: int) -> Tensor:
    """Interpolates by 2 or 4 with the 23-tap half-band filter and circular borders (interp23tap): pixel i lands at ``ratio*i + ratio/2``.

    Raises:
        UsageError: When `ratio` is neither 2 nor 4.
    """
    if ratio not in (2, 4):
        raise UsageError(f"the 23-tap interpolator serves ratios 2 and 4, got {ratio}")
    for step in range(ratio // 2):
        ms = _double(_double(ms, -1, first=step == 0), -2, first=step == 0)
    return ms


def _double(image: Tensor, axis: int, *, first: bool) -> Tensor:
    """Doubles one axis; the samples land on odd positions in the first of the doublings and on even ones after it."""
    between = torch.zeros_like(image)
    for m, tap in enumerate(_HALF_BAND):
        before, after = (m + 1, -m) if first else (m, -(m + 1))
        between += tap * (image.roll(before, axis) + image.roll(after, axis))
    pair = (between, image) if first else (image, between)
    return (
        torch.stack(pair, -1).flatten(-2) if axis == -1 else torch.stack(pair, -2).flatten(-3, -2)
    )


def upsample(ms: Tensor, ratio: int, phase: float, halo: int) -> Tensor:
    """Interpolates an MS window to the PAN grid (EXP): what the tool calls LMS.

    At phase ``ratio/2`` this is the 23-tap interpolator; at any other phase it is degree-11 Lagrange interpolation, whose midpoint taps
    are those very 23 taps.

    Args:
        ms: ``(bands, rows + 2*halo, cols + 2*halo)``.
        ratio: PAN pixels per MS pixel.
        phase: PAN index of the centre of the MS pixel after the halo.
        halo: MS pixels around the window, at least 10.

    Returns:
        ``(bands, rows*ratio, cols*ratio)``.

    Raises:
        UsageError: When the halo is too small for the kernel.
    """
    kernel, origin = _interpolator(ratio, phase)
    last = origin + kernel.length - 1
    if halo + origin < 0 or last > halo:
        raise UsageError(
            f"interpolation needs a halo of {max(-origin, last)} MS pixels, got {halo}"
        )
    rows, cols = ms.shape[-2] - 2 * halo, ms.shape[-1] - 2 * halo
    window = ms[:, halo + origin : halo + last + rows, halo + origin : halo + last + cols]
    return resample(window, kernel, kernel)


@lru_cache(maxsize=32)
def _interpolator(ratio: int, phase: float) -> tuple[Filter, int]:
    taps, origin = _polyphase(ratio, phase)
    return Filter.of(taps, 1), origin


@lru_cache(maxsize=32)
def _polyphase(
    ratio: int, phase: float
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], int]:
    """Returns the taps of each of the `ratio` output residues and the MS offset of the first tap."""
    if ratio in (2, 4) and phase == ratio / 2:
        size = 32
        impulse = torch.zeros(1, size, size, dtype=torch.float64)
        impulse[0, 16, 16] = 1.0
        response = interp23(impulse, ratio)[0, :, 16 * ratio + ratio // 2].numpy()
        # The impulse at pixel 16 reaches output ratio*(16-k)+q through tap k of residue q.
        return np.stack([response[q::ratio][16 + 9 : 16 - 10 : -1] for q in range(ratio)]), -9
    position = (np.arange(ratio) - phase) / ratio
    taps = np.zeros((ratio, 14))
    for q, u in enumerate(position):
        base = math.floor(u)
        taps[q, base + 1 : base + 13] = lagrange(u - base)
    return taps, -6
