"""Metrics of neighbourhoods: universal quality (UQI), spatial correlation (SCC), SSIM."""

import math
from abc import abstractmethod

import numpy as np

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Accumulator, Array, Image, Mask, Strip, strip

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
            counts = _box(rows.valid.astype(np.float64), side) == side**2
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
        return _box(image, self._side) / self._side**2


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
    flat = variances == 0
    dark = squares == 0
    luminance = np.where(dark, 1.0, product / np.where(dark, 1.0, squares))
    structure = np.where(flat, 1.0, 2 * covariance / np.where(flat, 1.0, variances))
    # Zero on average but not flat (signed data): the reference leaves its initial 1 there.
    return np.where(dark, 1.0, luminance * structure)


def _variance(mean_square: Image, mean: Image) -> Image:
    """Returns the population variance of windows, exactly 0 where only rounding is left."""
    variance = mean_square - mean**2
    return np.where(variance <= FLAT * mean_square, 0.0, variance)


def _box(image: Image, side: int) -> Image:
    """Returns the sums over all ``side x side`` windows that lie in the image."""
    return _box_axis(_box_axis(image, side, -2), side, -1)


def _box_axis(image: Image, side: int, axis: int) -> Image:
    # By doubling, sums of 1, 2, 4 … neighbours: a running sum would carry rounding along.
    size = image.shape[axis] - side + 1
    total = np.zeros(())
    start = 0
    width = 1
    power = image
    for bit in range(side.bit_length()):
        if side >> bit & 1:
            total = total + _slice(power, start, start + size, axis)
            start += width
        if side >> (bit + 1):
            power = _slice(power, 0, -width, axis) + _slice(power, width, None, axis)
            width *= 2
    return total


def _slice(image: Image, start: int, stop: int | None, axis: int) -> Image:
    return image[..., start:stop, :] if axis == -2 else image[..., start:stop]


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
        variances = _blur(f * f) - mean_f**2 + _blur(r * r) - mean_r**2
        covariance = _blur(f * r) - mean_f * mean_r
        luminance = (2 * mean_f * mean_r + self._c1) / (mean_f**2 + mean_r**2 + self._c1)
        return luminance * (2 * covariance + self._c2) / (variances + self._c2)


def _blur(image: Image) -> Image:
    for axis in (-2, -1):
        size = image.shape[axis] - _GAUSSIAN.size + 1
        total = np.zeros(())
        for k, tap in enumerate(_GAUSSIAN):
            total = total + tap * _slice(image, k, k + size, axis)
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
    framed = np.pad(rows.valid[:, 1:-1], ((0, 0), (1, 1)), constant_values=True)
    counts = _box(framed.astype(np.float64), 3) == 9
    f = _gradient(rows.fused) * counts
    g = _gradient(rows.reference) * counts
    return np.array([np.vdot(f, g), np.vdot(f, f), np.vdot(g, g)])


def _gradient(image: Image) -> Image:
    """Returns the modulus of the Sobel gradient inside the frame, whose columns read as 0."""
    inner = np.pad(image[:, :, 1:-1], ((0, 0), (0, 0), (1, 1)))
    across = inner[:, :-2] + 2 * inner[:, 1:-1] + inner[:, 2:]
    along = inner[:, 2:] - inner[:, :-2]
    horizontal = across[:, :, 2:] - across[:, :, :-2]
    vertical = along[:, :, :-2] + 2 * along[:, :, 1:-1] + along[:, :, 2:]
    return np.hypot(horizontal, vertical)
