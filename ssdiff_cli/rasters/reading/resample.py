"""Interpolation at exact positions: Lagrange kernels, low-passed where the source is finer.

Every output sample is a sum in a fixed order over source samples at absolute indices, so that a
pixel's value does not depend on the window it is read in.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.geometry.point_map import Coordinates
from ssdiff_models.resampling.taps import lagrange
from ssdiff_models.scene.source import FloatArray

__all__ = ["FINER", "Taps", "interpolate_points", "resample_axis", "taps_at", "unit_taps"]

LAGRANGE_TAPS = 12
"""Taps of the interpolator of a grid of about the same spacing: flat to 0.35 cycles per pixel."""

FINER = 1.1
"""From this many source samples per output sample on, a low-pass keeps the source from aliasing."""

LOBES = 3
"""Half-width of the windowed sinc of the low-pass, in output samples."""

POINT_TAPS = 6
"""Taps on each axis of the interpolator at scattered points: degree 5."""

ROUNDING = 1e-9
"""Samples by which a position may fall short of a sample and still lie on it."""


@dataclass(frozen=True, slots=True)
class Taps:
    """One output axis: sample k is ``sum(weights[k, t] * source[first[k] + t] for each t)``."""

    first: npt.NDArray[np.int64]
    weights: FloatArray

    @property
    def is_unit(self) -> bool:
        """Whether output samples are source samples."""
        return bool(self.weights.shape[1] == 1)

    @property
    def span(self) -> tuple[int, int]:
        """The first source index that is used, and the one after the last."""
        return int(self.first.min()), int(self.first.max() + self.weights.shape[1])


def unit_taps(position: Coordinates) -> Taps:
    """Returns the taps at positions that are source samples: no interpolation."""
    weights = np.ones((position.size, 1), np.float32)
    return Taps(first=np.rint(position).astype(np.int64), weights=weights)


def taps_at(position: Coordinates, step: float) -> Taps:
    """Returns the taps at source positions (0 is the centre of the first), `step` apart."""
    if abs(step) > FINER:
        return _lowpass_taps(position, abs(step))
    base = np.floor(position + ROUNDING)
    first = base.astype(np.int64) - (LAGRANGE_TAPS // 2 - 1)
    return Taps(first=first, weights=_weights(position - base, LAGRANGE_TAPS))


def _weights(fraction: Coordinates, taps: int) -> FloatArray:
    """Returns Lagrange weights as float32 ``(n, taps)``."""
    weights = lagrange(np.asarray(fraction, np.float64), taps)
    return np.stack(weights, axis=1).astype(np.float32)


def _lowpass_taps(position: Coordinates, step: float) -> Taps:
    """Cuts at the output's Nyquist frequency: a sinc under a sinc window, normalised."""
    reach = math.ceil(LOBES * step) + 1
    base = np.floor(position + ROUNDING)
    offsets = np.arange(1 - reach, reach + 1)
    distance = (offsets[None, :] - (position - base)[:, None]) / step
    weights = np.sinc(distance) * np.sinc(distance / LOBES) * (np.abs(distance) < LOBES)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(first=base.astype(np.int64) + 1 - reach, weights=weights.astype(np.float32))


def resample_axis(source: FloatArray, taps: Taps, origin: int, axis: int) -> FloatArray:
    """Resamples ``(bands, rows, cols)`` along `axis`, whose first sample has index `origin`."""
    first = taps.first - origin
    is_contiguous = bool((np.diff(first) == 1).all())
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)

    def product(tap: int) -> FloatArray:
        index: slice | npt.NDArray[np.int64] = first + tap
        if is_contiguous:
            index = slice(int(first[0]) + tap, int(first[-1]) + tap + 1)
        samples = source[:, index] if axis == 1 else source[:, :, index]
        if taps.is_unit:
            return samples
        return samples * taps.weights[:, tap].reshape(shape)

    total = product(0)
    for tap in range(1, taps.weights.shape[1]):
        total += product(tap)
    return total


def interpolate_points(
    source: FloatArray, rows: Coordinates, cols: Coordinates, origin: tuple[int, int]
) -> FloatArray:
    """Interpolates `source` at scattered absolute positions with 6 x 6 taps.

    Args:
        source: ``(bands, rows, cols)``, 3 samples beyond every position.
        rows: ``(n, m)`` row positions, 0 being the centre of the raster's first sample.
        cols: ``(n, m)`` column positions.
        origin: Absolute row and column of the first sample of `source`.

    Returns:
        ``(bands, n, m)`` float32.
    """
    base_rows = np.floor(rows + ROUNDING)
    base_cols = np.floor(cols + ROUNDING)
    row_weights = _weights((rows - base_rows).ravel(), POINT_TAPS)
    col_weights = _weights((cols - base_cols).ravel(), POINT_TAPS)
    first_rows = base_rows.astype(np.int64) - origin[0] - (POINT_TAPS // 2 - 1)
    first_cols = base_cols.astype(np.int64) - origin[1] - (POINT_TAPS // 2 - 1)
    bands, _, width = source.shape
    pixels = source.reshape(bands, -1)
    first = (first_rows * width + first_cols).ravel()
    total = np.zeros((bands, first.size), np.float32)
    for i in range(POINT_TAPS):
        line = np.zeros_like(total)
        for j in range(POINT_TAPS):
            line += pixels[:, first + (i * width + j)] * col_weights[:, j]
        total += line * row_weights[:, i]
    return total.reshape(bands, *rows.shape)
