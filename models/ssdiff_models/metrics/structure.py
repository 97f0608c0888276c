"""Metrics of neighbourhoods: universal quality (UQI), spatial correlation (SCC), SSIM."""

import math
from abc import abstractmethod

import numpy as np

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Accumulator, Array, Image, Mask, Strip, strip
from ssdiff_models.metrics.window_sums import box_sums, neighbours

__all__ = [
    "FLAT",
    "SccAccumulator",
    "SsimAccumulator",
    "UqiAccumulator",
    "scc",
    "ssim",
    "universal_quality",
    "uqi",
]

FLAT = 64 * float(np.finfo(np.float64).eps)
"""A window whose variance is this small against its mean square is flat up to rounding."""
_GAUSSIAN = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_GAUSSIAN = _GAUSSIAN / _GAUSSIAN.sum()


def uqi(fused: Array, reference: Array, *, block: int = 32, valid: Mask | None = None) -> float:
    """Returns Wang and Bovik's universal quality index: 1 for equal images, in -1 .. 1.

    It is the mean over all windows and bands. Where a window is flat in both images only their
    means are compared; where these are 0 as well it counts as 1.

    Args:
        fused: ``(bands, rows, cols)``.
        reference: The same shape.
        block: Side of the square window, at least 2, which slides pixel by pixel.
        valid: ``(rows, cols)``, True where a pixel counts; windows with another one are left out.

    Raises:
        InputError: When the images cannot be compared, or no window lies in them wholly valid.
    """
    return UqiAccumulator(block=block).of(fused, reference, valid)


def scc(fused: Array, reference: Array, *, valid: Mask | None = None) -> float:
    """Returns the DLPan toolbox's spatial correlation: 1 is best; NaN where nothing has a gradient.

    It is one uncentred cosine between the Sobel gradients of both images. As in the toolbox, a
    frame of one pixel is dropped first and the gradients then see zeros around the image.

    Args:
        fused: As in `uqi`.
        reference: As in `uqi`.
        valid: ``(rows, cols)``; gradients that touch a pixel which does not count are left out.

    Raises:
        InputError: When the images cannot be compared or have fewer than 3 rows or columns.
    """
    return SccAccumulator().of(fused, reference, valid)


def ssim(
    fused: Array, reference: Array, *, peak: float | None = None, valid: Mask | None = None
) -> float:
    """Returns the mean structural similarity: 1 for equal images.

    Gaussian window of 11 pixels (sigma 1.5), K 0.01 and 0.03, population moments.

    Args:
        fused: As in `uqi`.
        reference: As in `uqi`.
        peak: The largest value the data can have (2047 for 11 bits); None: that of `reference`.
        valid: As in `uqi`.

    Raises:
        InputError: When the images cannot be compared, or no window lies in them wholly valid.
    """
    if peak is None:
        rows = strip(fused, reference, valid)
        peak = float(rows.reference.max(where=rows.valid, initial=0.0)) or 1.0
    return SsimAccumulator(peak=peak).of(fused, reference, valid)


class _Sliding(Accumulator):
    """Averages a map over the windows of `side` pixels that lie in the image and are valid."""

    def __init__(self, side: int, name: str) -> None:
        self._side = side
        self._name = name
        self._rest: Strip | None = None
        self._sum = 0.0
        self._count = 0

    def add(self, rows: Strip) -> None:
        side = self._side
        rows = rows.below(self._rest)
        if rows.cols < side:
            raise InputError(
                f"the image is {rows.cols} columns wide, {self._name}'s window {side}: "
                "score a larger window"
            )
        if rows.rows >= side:
            valid = rows.valid.astype(np.float64)
            counts = box_sums(valid, side) == side**2
            quality = self._map(rows)
            self._sum += float(quality.sum(where=counts))
            self._count += int(counts.sum()) * quality.shape[0]
        self._rest = rows[max(rows.rows - side + 1, 0) :]

    def result(self) -> float:
        if not self._count:
            side = self._side
            raise InputError(
                f"no window of {side} x {side} pixels is wholly valid: "
                f"{self._name} has nothing to score"
            )
        return self._sum / self._count

    @abstractmethod
    def _map(self, rows: Strip) -> Image:
        """Returns the index of each window."""


class UqiAccumulator(_Sliding):
    """Sums the universal quality index over strips of rows."""

    def __init__(self, *, block: int = 32) -> None:
        if block < 2:
            raise UsageError(f"UQI needs windows of 2 pixels or more, got {block}")
        super().__init__(block, "UQI")

    def _map(self, rows: Strip) -> Image:
        # Moments about a value near the data keep their digits; variances do not notice.
        shift_f = rows.fused.mean(axis=(1, 2), keepdims=True)
        shift_r = rows.reference.mean(axis=(1, 2), keepdims=True)
        f = rows.fused - shift_f
        r = rows.reference - shift_r
        mean_f = self._mean(f)
        mean_r = self._mean(r)
        variance_f = _variance(self._mean(f * f), mean_f)
        variance_r = _variance(self._mean(r * r), mean_r)
        covariance = self._mean(f * r) - mean_f * mean_r
        variances = variance_f + variance_r
        return universal_quality(covariance, variances, mean_f + shift_f, mean_r + shift_r)

    def _mean(self, image: Image) -> Image:
        return box_sums(image, self._side) / self._side**2


def universal_quality(covariance: Image, variances: Image, mean_a: Image, mean_b: Image) -> Image:
    """Returns ``4 cov m_a m_b / ((var_a + var_b)(m_a^2 + m_b^2))``, and 0/0 by rule.

    Args:
        covariance: Of the two images in each window.
        variances: The sum of both variances; exactly 0 in flat windows.
        mean_a: Mean of the one.
        mean_b: Mean of the other.
    """
    product = 2 * mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    dark = squares == 0
    luminance = _ratio_or_one(product, squares)
    structure = _ratio_or_one(2 * covariance, variances)
    # Zero on average but not flat (signed data): the reference leaves its initial 1 there.
    return np.where(dark, 1.0, luminance * structure)


def _ratio_or_one(above: Image, below: Image) -> Image:
    nothing = below == 0
    divisor = np.where(nothing, 1.0, below)
    return np.where(nothing, 1.0, above / divisor)


def _variance(mean_square: Image, mean: Image) -> Image:
    """Returns the population variance of windows, exactly 0 where only rounding is left."""
    variance = mean_square - mean**2
    return np.where(variance <= FLAT * mean_square, 0.0, variance)


class SsimAccumulator(_Sliding):
    """Sums the structural similarity over strips of rows."""

    def __init__(self, *, peak: float) -> None:
        if not peak > 0:
            raise UsageError(f"SSIM needs a positive peak, got {peak}")
        super().__init__(_GAUSSIAN.size, "SSIM")
        self._c1 = (0.01 * peak) ** 2
        self._c2 = (0.03 * peak) ** 2

    def _map(self, rows: Strip) -> Image:
        f = rows.fused
        r = rows.reference
        mean_f = _blur(f)
        mean_r = _blur(r)
        square_f = mean_f**2
        square_r = mean_r**2
        variances = _blur(f * f) - square_f + _blur(r * r) - square_r
        covariance = _blur(f * r) - mean_f * mean_r
        product = 2 * mean_f * mean_r + self._c1
        luminance = product / (square_f + square_r + self._c1)
        structure = 2 * covariance + self._c2
        return luminance * structure / (variances + self._c2)


def _blur(image: Image) -> Image:
    for axis in (-2, -1):
        size = image.shape[axis] - _GAUSSIAN.size + 1
        total = np.zeros(())
        for k, tap in enumerate(_GAUSSIAN):
            total = total + tap * neighbours(image, k, k + size, axis)
        image = total
    return image


class SccAccumulator(Accumulator):
    """Sums the products of Sobel gradients over strips of rows."""

    def __init__(self) -> None:
        self._rest: Strip | None = None
        self._sums = np.zeros(3)

    def add(self, rows: Strip) -> None:
        if rows.cols < 3:
            raise InputError(f"the image is {rows.cols} columns wide: SCC needs 3 or more")
        if self._rest is None:
            # The first row belongs to the dropped frame and reads as zeros from the second one.
            rows = _zeroed(rows, 0)
        rows = rows.below(self._rest)
        # The last row is held back: it may be the frame's.
        self._sums = self._sums + _gradient_products(rows[: rows.rows - 1])
        self._rest = rows[max(rows.rows - 3, 0) :]

    def result(self) -> float:
        if self._rest is None or self._rest.rows < 3:
            raise InputError("SCC needs 3 rows or more: score a larger window")
        last = _gradient_products(_zeroed(self._rest, 2))
        cross, square_f, square_r = self._sums + last
        squares = square_f * square_r
        return float(cross / math.sqrt(squares)) if squares > 0 else math.nan


def _zeroed(rows: Strip, frame: int) -> Strip:
    """Returns the strip with one row at 0 and counted as valid."""
    fused = rows.fused.copy()
    reference = rows.reference.copy()
    valid = rows.valid.copy()
    fused[:, frame] = 0.0
    reference[:, frame] = 0.0
    valid[frame] = True
    return Strip(fused=fused, reference=reference, valid=valid)


def _gradient_products(rows: Strip) -> Image:
    """Returns sum(F G), sum(F F), sum(G G) of the gradients F and G inside the frame."""
    if rows.rows < 3:
        return np.zeros(3)
    inner = rows.valid[:, 1:-1]
    framed = np.pad(inner, ((0, 0), (1, 1)), constant_values=True)
    counts = box_sums(framed.astype(np.float64), 3) == 9
    f = _gradient(rows.fused) * counts
    g = _gradient(rows.reference) * counts
    cross = np.vdot(f, g)
    return np.array([cross, np.vdot(f, f), np.vdot(g, g)])


def _gradient(image: Image) -> Image:
    """Returns the modulus of the Sobel gradient inside the frame, whose columns read as 0."""
    inner = image[:, :, 1:-1]
    inner = np.pad(inner, ((0, 0), (0, 0), (1, 1)))
    across = _weighted(inner, -2)
    along = _difference(inner, -2)
    horizontal = _difference(across, -1)
    vertical = _weighted(along, -1)
    return np.hypot(horizontal, vertical)


def _weighted(image: Image, axis: int) -> Image:
    """Returns the sums of three neighbours, weighted 1, 2, 1."""
    middle = 2 * neighbours(image, 1, -1, axis)
    outer = neighbours(image, 0, -2, axis)
    return outer + middle + neighbours(image, 2, None, axis)


def _difference(image: Image, axis: int) -> Image:
    """Returns the differences of the neighbours on either side."""
    return neighbours(image, 2, None, axis) - neighbours(image, 0, -2, axis)
