"""Metrics pixel by pixel: the spectral angle (SAM), ERGAS and the peak signal-to-noise ratio."""

import math

import numpy as np

from ssdiff_models.errors import UsageError
from ssdiff_models.metrics.base import Accumulator, Array, Image, Mask, Strip

__all__ = [
    "ErgasAccumulator",
    "PsnrAccumulator",
    "SamAccumulator",
    "angles",
    "ergas",
    "psnr",
    "sam",
]


def sam(fused: Array, reference: Array, *, valid: Mask | None = None) -> float:
    """Returns the mean angle between the spectra of both images, in degrees: 0 is best.

    Pixels where either spectrum is all zero have no angle and are left out, as in the DLPan
    toolbox; NaN when none is left.

    Args:
        fused: ``(bands, rows, cols)``.
        reference: The same shape.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared.
    """
    return SamAccumulator().of(fused, reference, valid)


def ergas(fused: Array, reference: Array, *, ratio: float, valid: Mask | None = None) -> float:
    """Returns the relative dimensionless global error (Wald): 0 is best.

    It is ``100/ratio * sqrt(mean_k(MSE_k / mean(reference_k)^2))``.

    Args:
        fused: As in `sam`.
        reference: Its band means are the yardstick.
        ratio: PAN pixels per MS pixel (4 for most sensors), positive.
        valid: As in `sam`.
    """
    return ErgasAccumulator(ratio=ratio).of(fused, reference, valid)


def psnr(
    fused: Array, reference: Array, *, peak: float | None = None, valid: Mask | None = None
) -> float:
    """Returns the peak signal-to-noise ratio in decibels, of the error pooled over all bands.

    The literature also averages the PSNR of each band, which reads about 1.5 dB higher.

    Args:
        fused: As in `sam`.
        reference: As in `sam`.
        peak: The largest value the data can have (2047 for 11 bits); None: that of `reference`.
        valid: As in `sam`.
    """
    return PsnrAccumulator(peak=peak).of(fused, reference, valid)


class SamAccumulator(Accumulator):
    """Sums spectral angles over strips of rows."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, rows: Strip) -> None:
        a = rows.fused[:, rows.valid]
        b = rows.reference[:, rows.valid]
        self._sum += float(angles(a, b).sum())
        self._count += int((_norm(a) * _norm(b) > 0).sum())

    def result(self) -> float:
        mean = self._sum / (self._count or math.nan)
        return math.degrees(mean)


def angles(a: Image, b: Image) -> Image:
    """Returns the angle in radians between spectra ``(bands, n)``, ``(n,)``; 0 where one is zero.

    Kahan's form of acos(a.b / |a||b|) for vectors of one length is as exact near 0 as elsewhere.
    """
    scaled_a = a * _norm(b)
    scaled_b = b * _norm(a)
    return 2 * np.arctan2(_norm(scaled_a - scaled_b), _norm(scaled_a + scaled_b))


def _norm(a: Image) -> Image:
    norm: Image = np.sqrt(np.einsum("bp,bp->p", a, a))
    return norm


class _SquaredError:
    """Squared errors and sums of each band, and the peak of the reference, over strips of rows."""

    def __init__(self) -> None:
        self.errors: Image = np.zeros(1)
        self.sums: Image = np.zeros(1)
        self.count = 0
        self.peak = -math.inf

    def add(self, rows: Strip) -> None:
        error = rows.fused - rows.reference
        self.errors = self.errors + np.einsum("brc,brc->b", error, error)
        self.sums = self.sums + rows.reference.sum(axis=(1, 2))
        self.count += int(rows.valid.sum())
        if rows.valid.any():
            highest = rows.reference[:, rows.valid].max()
            self.peak = max(self.peak, float(highest))

    def mse(self) -> Image:
        """Returns the mean squared error of each band."""
        return self.errors / (self.count or math.nan)

    def means(self) -> Image:
        """Returns the mean of each band of the reference."""
        return self.sums / (self.count or math.nan)


class ErgasAccumulator(Accumulator):
    """Sums ERGAS' errors over strips of rows."""

    def __init__(self, *, ratio: float) -> None:
        if not ratio > 0:
            raise UsageError(f"ERGAS needs a positive ratio, got {ratio}")
        self._ratio = ratio
        self._error = _SquaredError()

    def add(self, rows: Strip) -> None:
        self._error.add(rows)

    def result(self) -> float:
        """Returns ERGAS; infinite when a band of the reference averages 0 and was not met."""
        mse = self._error.mse()
        squares = self._error.means() ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(mse == 0, 0.0, mse / squares)
        error = math.sqrt(relative.mean())
        return 100 / self._ratio * error


class PsnrAccumulator(Accumulator):
    """Sums the pooled squared error over strips of rows."""

    def __init__(self, *, peak: float | None = None) -> None:
        if peak is not None and not peak > 0:
            raise UsageError(f"PSNR needs a positive peak, got {peak}")
        self._peak = peak
        self._error = _SquaredError()

    def add(self, rows: Strip) -> None:
        self._error.add(rows)

    def result(self) -> float:
        """Returns the PSNR in decibels; infinite for equal images."""
        mse = float(self._error.mse().mean())
        peak = self._error.peak if self._peak is None else self._peak
        if mse == 0:
            return math.inf
        return 10 * math.log10(peak**2 / mse) if peak > 0 else math.nan
