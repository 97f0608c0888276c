"""Spectral figures at MS scale: the fused image seen by the MS instrument, against the MS itself.

Source: Scarpa and Ciotola, "Full-resolution quality assessment for pansharpening", Remote Sensing
14 (2022): R-SAM, R-ERGAS and R-Q2n (whose complement is D_lambda,align).
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ssdiff_models.metrics.base import Image, Mask, Strip
from ssdiff_models.metrics.piece import BLOCK, Piece
from ssdiff_models.metrics.q2n import block_sums
from ssdiff_models.metrics.sensor_view import Place, ms_counted, ms_inner, reduced
from ssdiff_models.metrics.spectral import ErgasAccumulator, angles

__all__ = ["Reprojection"]

Filled = TypeVar("Filled", Image, Mask)


class Reprojection:
    """Sums the figures over strips of a scene."""

    def __init__(
        self,
        gains: Sequence[float],
        *,
        ratio: int,
        places: Sequence[Place],
        size: tuple[int, int],
        pitch: float | None = None,
    ) -> None:
        """Takes what the MS instrument is, and the size of the whole MS.

        Args:
            gains: MTF gain of each band.
            ratio: PAN pixels per MS pixel.
            places: Of the first MS pixel, band by band.
            size: Rows and columns of the MS. Unless both are multiples of `BLOCK`, the last blocks
                are filled up by reflection and Q2n takes integers, as the tool's does.
            pitch: That of `reduced`.
        """
        self._gains = tuple(gains)
        self._ratio = ratio
        self._places = tuple(places)
        self._pitch = pitch
        self._filled = any(side % BLOCK for side in size)
        self._ergas = ErgasAccumulator(ratio=ratio)
        self._angles = 0.0
        self._count = 0
        self._quality = 0.0
        self._blocks = 0

    def add(self, part: Piece) -> None:
        """Takes a strip of `Piece.strips`."""
        inner = ms_inner(part, self._ratio)
        valid = ms_counted(part, self._ratio)[inner]
        seen = np.stack(self._seen(part))[:, *inner]
        rows = Strip(
            fused=np.where(valid, seen, 0),
            reference=np.where(valid, np.asarray(part.ms)[:, *inner], 0),
            valid=valid,
        )
        self._ergas.add(rows)
        self._angles += float(angles(rows.fused[:, valid], rows.reference[:, valid]).sum())
        self._count += int(valid.sum())
        self._add_blocks(rows)

    def _seen(self, part: Piece) -> list[Image]:
        bands = zip(part.images[:-1], self._gains, self._places, strict=True)
        ratio, pitch = self._ratio, self._pitch
        return [
            reduced(band, part.valid, gain=gain, ratio=ratio, place=place, pitch=pitch)
            for band, gain, place in bands
        ]

    def _add_blocks(self, rows: Strip) -> None:
        if self._filled:
            rows = Strip(
                fused=np.trunc(_filled(rows.fused)),
                reference=np.trunc(_filled(rows.reference)),
                valid=_filled(rows.valid),
            )
        total, count = block_sums(rows, BLOCK)
        self._quality += total
        self._blocks += count

    def result(self) -> dict[str, float]:
        """Returns ``r_sam`` in degrees, ``r_ergas``, ``r_q2n, d_lambda_align``.

        They are NaN where no pixel, or no whole block, counts.
        """
        quality = self._quality / (self._blocks or math.nan)
        return {
            "r_sam": math.degrees(self._angles / (self._count or math.nan)),
            "r_ergas": self._ergas.result(),
            "r_q2n": quality,
            "d_lambda_align": 1 - quality,
        }


def _filled(image: Filled) -> Filled:
    """Fills the last blocks by reflection; edges are not repeated."""
    missing = [(0, -size % BLOCK) for size in image.shape[-2:]]
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + missing, mode="reflect")
