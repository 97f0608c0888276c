"""Full-resolution metrics of a scene that arrives in pieces, each with some pixels around it: memory does not grow with the scene."""

from typing import Self, TypeVar

import numpy as np
import torch

from ssdiff_models.degrade import mtf_filter
from ssdiff_models.errors import InputError
from ssdiff_models.metrics.base import Array, Image, Mask, strip
from ssdiff_models.metrics.blocks import BlockIndex, spatial_distortion, spectral_distortion
from ssdiff_models.metrics.full_resolution import REACH, STRIP_ROWS
from ssdiff_models.metrics.hypercomplex import Q2nAccumulator
from ssdiff_models.sensors import Sensor

__all__ = ["FullResolution"]


class FullResolution:
    """Sums what D_lambda (Khan), D_s, HQNR, D_lambda (QNR) and QNR need over the pieces of a scene.

    Pieces whose rows and columns, counted from the scene's first pixel, start and end at multiples of the block (or at the
    scene's border) give the figures of the whole scene, if at least 20 pixels around each piece come with it where there are
    any.
    """

    def __init__(self, *, sensor: Sensor, ratio: int, block: int = 32) -> None:
        """Takes the sensor whose MTF gains count, PAN pixels per MS pixel, and the side of the blocks."""
        self._sensor, self._ratio, self._block = sensor, ratio, block
        self._q2n: tuple[float, int] = (0.0, 0)
        self._high: tuple[Image, int] = (np.zeros(()), 0)
        self._low: tuple[Image, int] = (np.zeros(()), 0)

    def update(self, fused: Array, lms: Array, pan: Array, pan_low: Array, *, inner: tuple[slice, slice], valid: Mask) -> Self:
        """Takes one piece.

        Args:
            fused: ``(bands, rows, cols)`` in DN: the piece and what is around it.
            lms: The up-sampled MS, the same shape.
            pan: ``(rows, cols)``.
            pan_low: The PAN at MS resolution on its own grid, ``(rows, cols)``.
            inner: The piece's own rows and columns.
            valid: ``(rows, cols)``, True where a pixel counts.

        Raises:
            InputError: When the images are not on one grid, not finite where they count, or the piece is smaller than a block.
        """
        quality = Q2nAccumulator(block=self._block)
        high, low = BlockIndex(block=self._block), BlockIndex(block=self._block)
        first, last, _ = inner[0].indices(valid.shape[0])
        for row in range(first, last, STRIP_ROWS):
            wide = slice(max(row - REACH, 0), row + STRIP_ROWS + REACH)
            own = slice(row - wide.start, min(row + STRIP_ROWS, last) - wide.start), inner[1]
            part, mask = strip(fused[:, wide], lms[:, wide], valid[wide]), valid[wide][own]
            filtered = mtf_filter(torch.from_numpy(part.fused), self._sensor.gains(part.fused.shape[0]), self._ratio).numpy()
            quality.update(filtered[:, *own], part.reference[:, *own], mask)
            sharp = strip(pan[None, wide], pan_low[None, wide], valid[wide])
            high.update(np.concatenate([part.fused, sharp.fused])[:, *own], mask)
            low.update(np.concatenate([part.reference, sharp.reference])[:, *own], mask)
        self._q2n = _sum(self._q2n, quality.totals())
        self._high, self._low = _sum(self._high, high.totals()), _sum(self._low, low.totals())
        return self

    def result(self) -> dict[str, float]:
        """Returns ``d_lambda_khan, d_s, hqnr, d_lambda, qnr``.

        Raises:
            InputError: When no block of any piece is wholly valid.
        """
        khan = 1 - _mean(self._q2n, self._block)
        high, low = _mean(self._high, self._block), _mean(self._low, self._block)
        spatial, spectral = spatial_distortion(high, low), spectral_distortion(high[:-1, :-1], low[:-1, :-1])
        hybrid, plain = (1 - khan) * (1 - spatial), (1 - spectral) * (1 - spatial)
        return {"d_lambda_khan": khan, "d_s": spatial, "hqnr": hybrid, "d_lambda": spectral, "qnr": plain}


Total = TypeVar("Total", float, Image)


def _sum(a: tuple[Total, int], b: tuple[Total, int]) -> tuple[Total, int]:
    return a[0] + b[0], a[1] + b[1]


def _mean(totals: tuple[Total, int], block: int) -> Total:
    total, count = totals
    if not count:
        raise InputError(f"no block of {block} x {block} pixels is wholly valid: score a larger window")
    return total / count
