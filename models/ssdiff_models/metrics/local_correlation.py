"""D_rho: how little the bands correlate with the PAN in small windows.

Source: Scarpa and Ciotola, "Full-resolution quality assessment for pansharpening", Remote Sensing
14 (2022), their tool's windows of ``2w x 2w`` pixels, zeros beyond the image.
"""

import numpy as np

from ssdiff_models.metrics.base import Array, Image, Mask
from ssdiff_models.metrics.piece import Piece
from ssdiff_models.metrics.window_sums import box_sums

__all__ = ["LocalCorrelation", "d_rho", "local_correlation"]

_SMALLEST = 1e-20
"""Energy of a flat window."""


def d_rho(fused: Array, pan: Array, *, ratio: int, valid: Mask | None = None) -> tuple[float, ...]:
    """Returns D_rho of each band: 0 is best, 1 is unrelated, up to 2.

    Args:
        fused: ``(bands, rows, cols)``.
        pan: ``(rows, cols)``.
        ratio: PAN pixels per MS pixel.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared.
    """
    total = LocalCorrelation(len(fused), ratio=ratio)
    for part in Piece.whole(fused=fused, pan=pan, valid=valid).strips(1):
        total.add(part)
    return tuple(total.result().tolist())


def local_correlation(a: Image, b: Image, w: int) -> Image:
    """Returns the correlation of two images in the window of each pixel, -1 .. 1; 0 where flat.

    Args:
        a: ``(..., rows, cols)``.
        b: The same shape, or one that broadcasts to it.
        w: Half of the window's side: rows and columns -w+1 .. +w count.
    """
    u = a - _sums(a, w) / (2 * w) ** 2
    v = b - _sums(b, w) / (2 * w) ** 2
    energy_u = np.maximum(_sums(u * u, w), _SMALLEST)
    energy_v = np.maximum(_sums(v * v, w), _SMALLEST)
    correlation = _sums(u * v, w) / np.sqrt(energy_u * energy_v)
    return np.asarray(np.clip(correlation, -1, 1))


def _sums(image: Image, w: int) -> Image:
    margins = [(0, 0)] * (image.ndim - 2) + [(w - 1, w)] * 2
    return box_sums(np.pad(image, margins), 2 * w)


class LocalCorrelation:
    """Sums D_rho over strips of a scene."""

    def __init__(self, bands: int, *, ratio: int) -> None:
        self._w = -(-ratio // 2)
        self._sums: Image = np.zeros(bands)
        self._count = 0

    def add(self, part: Piece) -> None:
        """Takes a strip of `Piece.strips`."""
        # A window of windows reaches 2w pixels, and what a hole holds is unknown.
        counted = part.counted(reach=2 * self._w)
        for band, image in enumerate(part.images[:-1]):
            correlation = local_correlation(image, part.images[-1], self._w)
            self._sums[band] += (1 - correlation[counted]).sum()
        self._count += int(counted.sum())

    def result(self) -> Image:
        """Returns D_rho of each band, ``(bands,)``; NaN where no pixel counts."""
        return self._sums / (self._count or np.nan)
