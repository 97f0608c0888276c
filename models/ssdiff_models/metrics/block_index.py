"""Quality indices over disjoint blocks, between all bands of an image: for D_s and QNR."""

from typing import Self

import numpy as np
import torch

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Image, Mask, cut, whole_blocks
from ssdiff_models.metrics.structure import FLAT, universal_quality
from ssdiff_models.resampling.degrade import imresize_bicubic
from ssdiff_models.resampling.upsample import interp23

__all__ = ["BlockIndex", "pan_lowpass", "spatial_distortion", "spectral_distortion"]


def pan_lowpass(pan: Image, ratio: int) -> Image:
    """Returns the PAN at MS resolution on its own grid: bicubic reduction, 23-tap interpolation.

    The two disagree by half a PAN pixel about where an MS pixel lies, as in the toolbox.

    Args:
        pan: ``(1, rows, cols)``.
        ratio: PAN pixels per MS pixel, 2 or 4.

    Raises:
        InputError: When a side is no multiple of `ratio`.
    """
    rows, cols = pan.shape[-2:]
    if rows % ratio or cols % ratio:
        raise InputError(
            f"D_s needs sides that are multiples of the ratio {ratio}, got {rows} x {cols}: "
            "crop the images"
        )
    reduced = imresize_bicubic(torch.from_numpy(pan[0]), ratio)
    return interp23(reduced[None], ratio).numpy()


def spatial_distortion(high: Image, low: Image) -> float:
    """Returns D_s from the `BlockIndex` of (fused, PAN) and of (LMS, low-pass PAN), PAN last."""
    change = high[:-1, -1] - low[:-1, -1]
    return float(np.abs(change).mean())


def spectral_distortion(high: Image, low: Image) -> float:
    """Returns QNR's D_lambda from the `BlockIndex` of the fused bands and of the LMS bands."""
    pairs = np.triu_indices(high.shape[0], 1)
    change = high[pairs] - low[pairs]
    return float(np.abs(change).mean()) if change.size else float("nan")


class BlockIndex:
    """The universal quality index of all pairs of bands, its mean over disjoint blocks.

    The image arrives in strips of rows.
    """

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
        side = self._block
        cols = image.shape[2] - image.shape[2] % side
        stop = image.shape[1] - image.shape[1] % side
        for row in range(0, stop if cols else 0, side):
            rows = slice(row, row + side)
            counts = whole_blocks(valid[rows, :cols], side)
            blocks = cut(image[:, rows, :cols], side)[counts]
            self._sum = self._sum + _pairwise_quality(blocks).sum(axis=0)
            self._count += int(counts.sum())
        self._rest = image[:, stop:], valid[stop:]
        return self

    def result(self) -> Image:
        """Returns ``(bands, bands)``.

        Raises:
            InputError: When there is no wholly valid block.
        """
        if not self._count:
            side = self._block
            raise InputError(
                f"no block of {side} x {side} pixels is wholly valid: score a larger window"
            )
        return self._sum / self._count

    def totals(self) -> tuple[Image, int]:
        """Returns the sum of the indices over all wholly valid blocks and their number."""
        return self._sum, self._count


def _pairwise_quality(blocks: Image) -> Image:
    """Returns ``(blocks, bands, bands)`` from ``(blocks, bands, pixels)``."""
    pixels = blocks.shape[2]
    mean = blocks.mean(axis=2, keepdims=True)
    centred = blocks - mean
    covariance = centred @ centred.transpose(0, 2, 1) / pixels
    variance = np.einsum("kbp,kbp->kb", centred, centred) / pixels
    # What a constant block leaves after its mean is taken off is rounding.
    smallest = FLAT * mean[..., 0] ** 2
    variance = np.where(variance <= smallest, 0.0, variance)
    variances = variance[:, :, None] + variance[:, None, :]
    return universal_quality(covariance, variances, mean, mean.transpose(0, 2, 1))
