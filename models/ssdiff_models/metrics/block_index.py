"""Quality indices over disjoint blocks, between all bands of an image: what D_s and QNR's D_lambda are made of."""

from typing import Self

import numpy as np

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Image, Mask, cut
from ssdiff_models.metrics.structure import FLAT, universal_quality

__all__ = ["BlockIndex", "spatial_distortion", "spectral_distortion"]


def spatial_distortion(high: Image, low: Image) -> float:
    """Returns D_s from the `BlockIndex` of (fused, PAN) and of (LMS, low-pass PAN), PAN last."""
    return float(np.abs(high[:-1, -1] - low[:-1, -1]).mean())


def spectral_distortion(high: Image, low: Image) -> float:
    """Returns QNR's D_lambda from the `BlockIndex` of the fused bands and of the LMS bands."""
    pairs = np.triu_indices(high.shape[0], 1)
    return float(np.abs(high[pairs] - low[pairs]).mean()) if pairs[0].size else float("nan")


class BlockIndex:
    """The mean over disjoint blocks of the universal quality index of all pairs of an image's bands, from strips of rows."""

    def __init__(self, *, block: int = 32) -> None:
        if block < 2:
            raise UsageError(f"a quality index needs blocks of 2 pixels or more, got {block}")
        self._block = block
        self._rest: tuple[Image, Mask] | None = None
        self._sum: Image = np.zeros(())
        self._count = 0

    def update(self, image: Image, valid: Mask) -> Self:
        """Takes the next rows, ``(bands, rows, cols)``, and which pixels count."""
        if self._rest is not None:
            image = np.concatenate([self._rest[0], image], axis=1)
            valid = np.concatenate([self._rest[1], valid])
        side, rows, cols = (
            self._block,
            image.shape[1],
            image.shape[2] - image.shape[2] % self._block,
        )
        whole = rows - rows % side
        for row in range(0, whole if cols else 0, side):
            keep = valid[row : row + side, :cols].reshape(side, -1, side).all(axis=(0, 2))
            self._sum = self._sum + _pairwise_quality(
                cut(image[:, row : row + side, :cols], side)[keep]
            ).sum(axis=0)
            self._count += int(keep.sum())
        self._rest = image[:, whole:], valid[whole:]
        return self

    def result(self) -> Image:
        """Returns ``(bands, bands)``.

        Raises:
            InputError: When there is no wholly valid block.
        """
        total, count = self.totals()
        if not count:
            raise InputError(
                f"no block of {self._block} x {self._block} pixels is wholly valid: score a larger window"
            )
        return total / count

    def totals(self) -> tuple[Image, int]:
        """Returns the sum of the indices over all wholly valid blocks and their number."""
        return self._sum, self._count


def _pairwise_quality(blocks: Image) -> Image:
    """Returns ``(blocks, bands, bands)`` from ``(blocks, bands, pixels)``."""
    mean = blocks.mean(axis=2, keepdims=True)
    centred = blocks - mean
    covariance = centred @ centred.transpose(0, 2, 1) / blocks.shape[2]
    variance = np.einsum("kbp,kbp->kb", centred, centred) / blocks.shape[2]
    # What a constant block leaves after its mean is taken off is rounding.
    variance = np.where(variance <= FLAT * mean[..., 0] ** 2, 0.0, variance)
    return universal_quality(
        covariance, variance[:, :, None] + variance[:, None, :], mean, mean.transpose(0, 2, 1)
    )
