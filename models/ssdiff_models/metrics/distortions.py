"""The distortions behind HQNR and QNR, of scenes that arrive in pieces."""

from typing import TypeVar

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.metrics.base import Image, Strip
from ssdiff_models.metrics.block_index import BlockIndex, spatial_distortion, spectral_distortion
from ssdiff_models.metrics.full_resolution import seen_by_sensor
from ssdiff_models.metrics.piece import BLOCK, Piece
from ssdiff_models.metrics.q2n import Q2nAccumulator
from ssdiff_models.scene.sensors import Sensor

__all__ = ["Distortions"]

Total = TypeVar("Total", float, Image)


class Distortions:
    """Sums what D_lambda (Khan), D_s and D_lambda (QNR) need over the pieces of a scene."""

    def __init__(self, *, sensor: Sensor, ratio: int) -> None:
        """Takes the sensor of the MTF gains, and PAN pixels per MS pixel."""
        self._sensor = sensor
        self._ratio = ratio
        self._q2n: tuple[float, int] = (0.0, 0)
        self._high: tuple[Image, int] = (np.zeros(()), 0)
        self._low: tuple[Image, int] = (np.zeros(()), 0)
        self._begin()

    def _begin(self) -> None:
        self._quality = Q2nAccumulator(block=BLOCK)
        self._sharp = BlockIndex(block=BLOCK)
        self._soft = BlockIndex(block=BLOCK)

    def add(self, part: Piece) -> None:
        """Takes the next strip of a piece."""
        bands = Strip(
            fused=np.asarray(part.fused), reference=np.asarray(part.lms), valid=part.valid
        )
        seen = seen_by_sensor(bands, self._sensor, self._ratio)
        rows, cols = part.inner
        self._quality.add(seen[rows].inner(cols))
        valid = part.valid[part.inner]
        sharp = np.concatenate([bands.fused, part.pan[None]])
        soft = np.concatenate([bands.reference, part.pan_low[None]])
        self._sharp.update(sharp[:, rows, cols], valid)
        self._soft.update(soft[:, rows, cols], valid)

    def end_piece(self) -> None:
        """Closes a piece: the next strip is another one's first."""
        self._q2n = _sum(self._q2n, self._quality.totals())
        self._high = _sum(self._high, self._sharp.totals())
        self._low = _sum(self._low, self._soft.totals())
        self._begin()

    def result(self) -> tuple[float, float, float]:
        """Returns Khan's D_lambda, D_s and QNR's D_lambda.

        Raises:
            InputError: When no block is wholly valid.
        """
        high = _mean(self._high)
        low = _mean(self._low)
        khan = 1 - _mean(self._q2n)
        spectral = spectral_distortion(high[:-1, :-1], low[:-1, :-1])
        return khan, spatial_distortion(high, low), spectral


def _sum(a: tuple[Total, int], b: tuple[Total, int]) -> tuple[Total, int]:
    return a[0] + b[0], a[1] + b[1]


def _mean(totals: tuple[Total, int]) -> Total:
    total, count = totals
    if not count:
        raise InputError(
            f"no block of {BLOCK} x {BLOCK} pixels is wholly valid: score a larger window"
        )
    return total / count
