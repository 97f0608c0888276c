"""Interpolation at exact positions: 12-tap Lagrange kernels, low-passed where the source is the finer grid.

Every output sample is a sum in a fixed order over source samples at absolute indices, so that a pixel's value does not
depend on the window it is read in.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.resampling.taps import lagrange
from ssdiff_models.scene.source import FloatArray

__all__ = [
    "FINER",
    "Taps",
    "interpolate_points",
    "resample_axis",
    "taps_at",
    "unit_taps",
]

LAGRANGE_TAPS = 12
"""Taps of the interpolator of a grid of about the same spacing: degree 11, flat to 0.35 cycles per pixel."""

FINER = 1.1
"""From this many source samples per output sample on, the source is low-passed so that it does not alias."""

LOBES = 3
"""Half-width of the windowed sinc of the low-pass, in output samples."""

POINT_TAPS = 6
"""Taps on each axis of the interpolator at scattered points: degree 5."""


@dataclass(frozen=True, slots=True)
class Taps:
    """One output axis: sample k is ``sum(weights[k, t] * source[first[k] + t] for t in range(taps))``."""

    first: npt.NDArray[np.int64]
    weights: FloatArray

    @property
    def start(self) -> int:
        """First source index that is used."""
        return int(self.first.min())

    @property
    def stop(self) -> int:
        """Source index after the last that is used."""
        return int(self.first.max() + self.weights.shape[1])


def _lowpass_reach(step: float) -> int:
    """Returns how many source samples the low-pass uses on either side of a position."""
    reach: int = math.ceil(LOBES * abs(step)) + 1
    return reach


def unit_taps(position: npt.NDArray[np.floating]) -> Taps:
    """Returns the taps at positions that are source samples: no interpolation."""
    return Taps(
        first=np.rint(position).astype(np.int64), weights=np.ones((position.size, 1), np.float32)
    )


def taps_at(position: npt.NDArray[np.floating], step: float) -> Taps:
    """Returns the taps at `position`, in source samples (0 is the centre of the first), spaced `step` apart."""
    if abs(step) > FINER:
        return _lowpass_taps(position, abs(step))
    base = np.floor(position + 1e-9)
    first = base.astype(np.int64) - (LAGRANGE_TAPS // 2 - 1)
    return Taps(first=first, weights=_lagrange(position - base, LAGRANGE_TAPS))


def _lagrange(fraction: npt.NDArray[np.float64], taps: int) -> FloatArray:
    """Returns the weights of `lagrange` at each fraction, ``(n, taps)``."""
    return np.stack(lagrange(fraction, taps), axis=1).astype(np.float32)


def _lowpass_taps(position: npt.NDArray[np.floating], step: float) -> Taps:
    """A sinc that cuts at the output's Nyquist frequency under a sinc window of `LOBES` output samples, normalised."""
    reach = _lowpass_reach(step)
    base = np.floor(position + 1e-9)
    offsets = np.arange(1 - reach, reach + 1)
    distance = (offsets[None, :] - (position - base)[:, None]) / step
    weights = np.sinc(distance) * np.sinc(distance / LOBES) * (np.abs(distance) < LOBES)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(first=base.astype(np.int64) + 1 - reach, weights=weights.astype(np.float32))


def resample_axis(source: FloatArray, taps: Taps, origin: int, axis: int) -> FloatArray:
    """Resamples `source`, whose first sample along `axis` (1 or 2) has the absolute index `origin`."""
    local = taps.first - origin
    steady = bool((np.diff(local) == 1).all())
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    total: FloatArray | None = None
    for t in range(taps.weights.shape[1]):
        if steady:
            piece = slice(int(local[0]) + t, int(local[-1]) + t + 1)
            samples = source[:, piece] if axis == 1 else source[:, :, piece]
        else:
            samples = np.take(source, local + t, axis=axis)
        product = samples * taps.weights[:, t].reshape(shape)
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None
    return total


def interpolate_points(
    source: FloatArray,
    rows: npt.NDArray[np.floating],
    cols: npt.NDArray[np.floating],
    origin: tuple[int, int],
) -> FloatArray:
    """Interpolates `source` at scattered absolute positions with 6 x 6 taps.

    Args:
        source: ``(bands, rows, cols)``; its first sample has the absolute index `origin`, and it reaches 3 samples beyond
            every position.
        rows: ``(n, m)`` row positions, 0 being the centre of the first sample.
        cols: ``(n, m)`` column positions.
        origin: Absolute row and column of the first sample.

    Returns:
        ``(bands, n, m)`` float32.
    """
    base_rows, base_cols = np.floor(rows + 1e-9), np.floor(cols + 1e-9)
    row_weights = _lagrange((rows - base_rows).ravel(), POINT_TAPS)
    col_weights = _lagrange((cols - base_cols).ravel(), POINT_TAPS)
    width = source.shape[2]
    first = (
        (base_rows.astype(np.int64) - origin[0] - 2) * width
        + base_cols.astype(np.int64)
        - origin[1]
        - 2
    )
    flat, start = source.reshape(source.shape[0], -1), first.ravel()
    total = np.zeros((source.shape[0], start.size), np.float32)
    for i in range(POINT_TAPS):
        line = np.zeros_like(total)
        for j in range(POINT_TAPS):
            line += flat[:, start + (i * width + j)] * col_weights[:, j]
        total += line * row_weights[:, i]
    return total.reshape(source.shape[0], *rows.shape)
