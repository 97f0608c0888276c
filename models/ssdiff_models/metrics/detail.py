"""Detail: how much of the PAN's a fused image has, whose it is, and how the bands explain the PAN.

Detail is what a Gaussian of sigma 1 takes away. I is the weighted sum of bands that fits the PAN
best where both are blurred by a Gaussian of sigma 6 (least squares with a constant, every 4th
pixel); 16 pixels at the border do not count.
"""

import math
from functools import lru_cache

import numpy as np
import torch

from ssdiff_models.metrics.base import Array, Image, Mask
from ssdiff_models.metrics.moments import Moments, solve
from ssdiff_models.metrics.piece import Piece
from ssdiff_models.metrics.structure import FLAT
from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.separable import Filter, resample

__all__ = ["Detail", "PanFit", "detail"]

BORDER = 16
FINE = 1.0
COARSE = 6.0
STEP = 4
RADIUS = 4
"""Sigmas at which the Gaussians end."""


def detail(fused: Array, pan: Array, *, valid: Mask | None = None) -> dict[str, float]:
    """Returns ``gain, corr, slope, other`` of an image ``(bands, rows, cols)`` and its PAN.

    - gain: the standard deviation of I's detail over that of the PAN's,
    - corr: the correlation of the two,
    - slope: gain times corr, 1 for an image as crisp as the PAN,
    - other: what of a band's detail is no multiple of the PAN's, 0 .. 1, the mean over bands.

    Args:
        fused: ``(bands, rows, cols)``.
        pan: ``(rows, cols)``.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared.
    """
    total = Detail(len(fused))
    for part in Piece.whole(fused=fused, pan=pan, valid=valid).strips(1):
        total.add(part)
    return total.result()


class Detail:
    """Sums the moments of detail over strips of a scene."""

    def __init__(self, bands: int) -> None:
        self._fine = Moments(bands + 1)
        self._coarse = Moments(bands + 1)

    def add(self, part: Piece) -> None:
        """Takes a strip of `Piece.strips`."""
        images = part.images
        fine = images - _blurred(images, FINE, (0, 0), 1)
        self._fine.add(fine[:, part.counted(reach=math.ceil(RADIUS * FINE), border=BORDER)])
        rows, cols = (_first(own) for own in part.inner)
        lattice = (slice(rows, None, STEP), slice(cols, None, STEP))
        counted = part.counted(border=BORDER)[lattice]
        coarse = _blurred(images, COARSE, (rows, cols), STEP)
        if not part.valid.all():
            # Holes are 0 in the images, too: what is divided by their share is the valid pixels'.
            shares = _blurred(part.valid[None].astype(np.float64), COARSE, (rows, cols), STEP)
            coarse = coarse / np.maximum(shares, np.finfo(np.float64).tiny)
        self._coarse.add(coarse[:, counted])

    def result(self) -> dict[str, float]:
        """Returns ``gain, corr, slope, other``; NaN where there is nothing to compare."""
        of_coarse = self._coarse.covariance
        weights = solve(of_coarse[:-1, :-1], of_coarse[:-1, -1])
        of_fine = self._fine.covariance
        bands, shared = of_fine[:-1, :-1], of_fine[:-1, -1]
        pan = _no_rounding(of_fine[-1, -1], self._coarse.squares[-1, -1])
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = weights @ shared / pan
            gain = np.sqrt(weights @ bands @ weights / pan)
            rest = np.sqrt(np.maximum(1 - shared**2 / (pan * np.diag(bands)), 0))
            corr = slope / gain
        # A band of one value has no detail.
        known = np.isfinite(rest)
        return {
            "gain": float(gain),
            "corr": float(corr),
            "slope": float(slope),
            "other": float(rest[known].mean()) if known.any() else math.nan,
        }


class PanFit:
    """Sums D_s^(R): the part of the PAN that no weighted sum of the bands gives.

    Source: Alparone et al. (2018); Arienzo et al. (2022).
    """

    def __init__(self, bands: int) -> None:
        self._moments = Moments(bands + 1)

    def add(self, part: Piece) -> None:
        """Takes a strip of `Piece.strips`."""
        self._moments.add(part.images[:, part.counted()])

    def result(self) -> float:
        """Returns the variance of the residual over that of the PAN, 0 .. 1; no constant is fitted.

        It is NaN for a constant PAN.
        """
        squares = self._moments.squares
        weights = solve(squares[:-1, :-1], squares[:-1, -1])
        residual = np.append(-weights, 1.0)
        covariance = self._moments.covariance
        pan = _no_rounding(covariance[-1, -1], squares[-1, -1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(residual @ covariance @ residual / pan)


def _no_rounding(variance: float, mean_square: float) -> float:
    """Returns a variance, NaN where it is nothing but rounding."""
    return variance if variance > FLAT * mean_square else math.nan


def _first(own: slice) -> int:
    """Returns the first pixel of the lattice, which starts at `BORDER` of the scene."""
    start: int = own.start
    return start + -(-max(BORDER - start, 0) // STEP) * STEP


def _blurred(images: Image, sigma: float, first: tuple[int, int], step: int) -> Image:
    """Blurs ``(bands, rows, cols)``, at every `step`-th pixel from `first` on; edges replicated."""
    taps = _gaussian(sigma, step)
    wide = extended(torch.from_numpy(images), taps.length // 2, "replicate")
    return resample(wide[:, first[0] :, first[1] :], taps, taps).numpy()


@lru_cache(maxsize=8)
def _gaussian(sigma: float, step: int) -> Filter:
    reach = int(RADIUS * sigma + 0.5)
    places = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (places / sigma) ** 2)
    return Filter.of(weights / weights.sum(), step)
