"""How the MS instrument sees a sharp image, and where on the PAN grid its pixels lie.

Source of filter and search: Scarpa and Ciotola, "Full-resolution quality assessment for
pansharpening", Remote Sensing 14 (2022), and their tool.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
import torch

from ssdiff_models.metrics.base import Array, Image, Mask
from ssdiff_models.metrics.local_correlation import local_correlation
from ssdiff_models.metrics.piece import Piece, eroded
from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.separable import Filter, resample

__all__ = ["Alignment", "Place", "find_places", "ms_counted", "ms_inner", "reduced", "whole_pixels"]

Place = tuple[float, float]
"""PAN row and column of the centre of a band's MS pixel (0, 0)."""

_HALF = 20
"""Pixels on either side of the filter's middle."""


def reduced(
    image: Image, valid: Mask, *, gain: float, ratio: int, place: Place, pitch: float | None = None
) -> Image:
    """Returns an image as the MS sees it: filtered by a band's MTF and sampled at its pixels.

    Args:
        image: ``(rows, cols)``, 0 where invalid; beyond the border it is replicated.
        valid: ``(rows, cols)``: what the filter sees of invalid pixels is left out.
        gain: MTF at the MS Nyquist frequency.
        ratio: PAN pixels per MS pixel.
        place: Of MS pixel (0, 0).
        pitch: PAN pixels per pixel of the instrument, where that is not `ratio`.

    Returns:
        ``(rows / ratio, cols / ratio)``.
    """
    sigma = _HALF / (pitch or ratio) / math.sqrt(-2 * math.log(gain))
    seen = _sampled(image, sigma, ratio, place)
    if valid.all():
        return seen
    shares = _sampled(valid.astype(np.float64), sigma, ratio, place)
    return seen / np.maximum(shares, np.finfo(np.float64).tiny)


def _sampled(image: Image, sigma: float, ratio: int, place: Place) -> Image:
    rows, cols = (size // ratio for size in image.shape)
    firsts = [math.floor(at) for at in place]
    down, across = (
        _taps(sigma, ratio, at - first, window)
        for at, first, window in zip(place, firsts, ("none", "kaiser"), strict=True)
    )
    margin = _HALF + 1 + ratio + max(abs(first) for first in firsts)
    wide = extended(torch.from_numpy(image)[None], margin, "replicate")
    row, col = (
        margin + first - taps.length // 2
        for first, taps in zip(firsts, (down, across), strict=True)
    )
    window = wide[:, row : row + down.span(rows), col : col + across.span(cols)]
    return np.asarray(resample(window, down, across)[0].numpy())


@lru_cache(maxsize=256)
def _taps(sigma: float, ratio: int, shift: float, window: str) -> Filter:
    """Returns the filter along an axis, `shift` pixels in [0, 1) behind its middle tap.

    It is the inverse DFT of 41 points of a Gaussian of `sigma` bins, sampled at every `ratio`-th
    pixel. The tool has a Kaiser window on one axis.
    """
    bins = np.arange(-_HALF, _HALF + 1)
    response = np.exp(-0.5 * (bins / sigma) ** 2)
    reach = _HALF + 1 if shift else _HALF
    places = np.arange(-reach, reach + 1) - shift
    profile = np.cos(2 * np.pi * np.outer(places, bins) / len(bins)) @ response
    if window == "kaiser":
        profile = profile * np.interp(places, bins, np.kaiser(len(bins), 0.5), left=0, right=0)
    weights = np.maximum(profile, 0)
    return Filter.of(weights / weights.sum(), ratio)


def ms_counted(part: Piece, ratio: int) -> Mask:
    """Returns which MS pixels of a strip's own count: the PAN pixels under and beside them do."""
    rows, cols = (size // ratio for size in part.valid.shape)
    blocks = part.valid.reshape(rows, ratio, cols, ratio)
    under: Mask = np.all(blocks, axis=(1, 3))
    own = np.zeros_like(under)
    own[ms_inner(part, ratio)] = True
    return own & eroded(under, 1)


def ms_inner(part: Piece, ratio: int) -> tuple[slice, slice]:
    """Returns the MS pixels of a strip's own."""
    rows, cols = (slice(own.start // ratio, own.stop // ratio) for own in part.inner)
    return rows, cols


def whole_pixels(ratio: int) -> tuple[Place, ...]:
    """Returns the places that the tool tries: those of the PAN pixels under MS pixel (0, 0)."""
    return tuple((float(row), float(col)) for row, col in product(range(ratio), repeat=2))


class Alignment:
    """Sums, over strips, how well the PAN's low-pass correlates with each band at some places."""

    def __init__(
        self,
        gains: Sequence[float],
        *,
        ratio: int,
        candidates: Sequence[Place],
        pitch: float | None = None,
    ) -> None:
        """Takes the bands' MTF gains and the places to choose from, the first at ties.

        `pitch` is that of `reduced`.
        """
        self._pitch = pitch
        self._gains = tuple(gains)
        self._ratio = ratio
        self._candidates = tuple(candidates)
        shape = (len(gains), len(candidates))
        self._scores: Image = np.zeros(shape)
        self._natural: Image = np.zeros(shape)
        self._count = 0

    def add(self, part: Piece) -> None:
        """Takes a strip of `Piece.strips`."""
        counted = ms_counted(part, self._ratio)
        for k, place in enumerate(self._candidates):
            lows = {gain: self._low(part, gain, place) for gain in set(self._gains)}
            for band, gain in enumerate(self._gains):
                ms = np.asarray(part.ms[band])
                # The tool searches with the first band's filter.
                first = lows[self._gains[0]]
                searched = local_correlation(ms, first, max(self._ratio // 2, 1))
                own = local_correlation(ms, lows[gain], -(-self._ratio // 2))
                self._scores[band, k] += searched[counted].sum()
                self._natural[band, k] += (1 - own[counted]).sum()
        self._count += int(counted.sum())

    def _low(self, part: Piece, gain: float, place: Place) -> Image:
        pan = np.asarray(part.pan)
        ratio, pitch = self._ratio, self._pitch
        return reduced(pan, part.valid, gain=gain, ratio=ratio, place=place, pitch=pitch)

    def places(self) -> tuple[Place, ...]:
        """Returns the best place of each band."""
        return tuple(self._candidates[k] for k in self._scores.argmax(axis=1))

    def natural(self) -> float:
        """Returns the D_rho between MS and reduced PAN, the mean over bands: no truth has less."""
        best = self._scores.argmax(axis=1)
        bands = self._natural[np.arange(len(best)), best] / (self._count or np.nan)
        return float(bands.mean())


def find_places(
    pan: Array, ms: Array, *, gains: Sequence[float], ratio: int, valid: Mask | None = None
) -> tuple[Place, ...]:
    """Returns where the bands of an MS lie on its PAN, by the tool's search in whole pixels.

    Args:
        pan: ``(rows, cols)``.
        ms: ``(bands, rows / ratio, cols / ratio)``.
        gains: MTF gains of the bands.
        ratio: PAN pixels per MS pixel.
        valid: ``(rows, cols)``, True where a PAN pixel counts.

    Raises:
        InputError: When the images do not fit each other.
    """
    search = Alignment(gains, ratio=ratio, candidates=whole_pixels(ratio))
    for part in Piece.whole(pan=pan, ms=ms, valid=valid).strips(ratio):
        search.add(part)
    return search.places()
