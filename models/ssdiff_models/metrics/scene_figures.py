"""Figures without a reference of scenes that arrive in pieces."""

from typing import Self, TypeVar

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.metrics.base import Array, Image, Mask, strip
from ssdiff_models.metrics.block_index import (
    BlockIndex,
    spatial_distortion,
    spectral_distortion,
)
from ssdiff_models.metrics.full_resolution import REACH, STRIP_ROWS, figures, seen_by_sensor
from ssdiff_models.metrics.q2n import Q2nAccumulator
from ssdiff_models.scene.sensors import Sensor

__all__ = ["FullResolution"]

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
        """
        quality = Q2nAccumulator(block=self._block)
        high = BlockIndex(block=self._block)
        low = BlockIndex(block=self._block)
        first, last, _ = inner[0].indices(valid.shape[0])
        for row in range(first, last, STRIP_ROWS):
            wide, own_rows = _rows_of(row, last)
            around = strip(fused[:, wide], lms[:, wide], valid[wide])
            planes = strip(pan[None, wide], pan_low[None, wide], valid[wide])
            seen = seen_by_sensor(around, self._sensor, self._ratio)
            quality.add(seen[own_rows].inner(inner[1]))
            bands = around[own_rows].inner(inner[1])
            planes = planes[own_rows].inner(inner[1])
            sharp = np.concatenate([bands.fused, planes.fused])
            soft = np.concatenate([bands.reference, planes.reference])
            high.update(sharp, bands.valid)
            low.update(soft, bands.valid)
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
        return figures(khan, spatial_distortion(high, low), spectral)


def _rows_of(first: int, last: int) -> tuple[slice, slice]:
    """Returns the rows that a strip needs, and its own among them."""
    wide = slice(max(first - REACH, 0), first + STRIP_ROWS + REACH)
    stop = min(first + STRIP_ROWS, last)
    return wide, slice(first - wide.start, stop - wide.start)


def _sum(a: tuple[Total, int], b: tuple[Total, int]) -> tuple[Total, int]:
    return a[0] + b[0], a[1] + b[1]


def _mean(totals: tuple[Total, int], block: int) -> Total:
    total, count = totals
    if not count:
        raise InputError(
            f"no block of {block} x {block} pixels is wholly valid: score a larger window"
        )
    return total / count
