"""The MTF gains of the MS bands, estimated from a pair: which low-pass of the PAN makes the MS?

A band is no multiple of the PAN: meadows are bright in one and dark in the other. But where two
materials meet, both images are mixtures of the same two, so within a few pixels one is an affine
function of the other, whatever the band; there a low-pass can be told. So every block of 4 x 4 MS
pixels has a slope of its own, both images are high-passed first, since the slope of coarse
structures is often not that of fine ones, and only blocks count that the PAN explains.

What is found is the MTF of the MS divided by that of the PAN at the same frequency: the low-pass
that leads from one to the other, which is what methods need.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, max_pool2d

from ssdiff_models.resampling.separable import Filter, resample

__all__ = ["GAIN_MARGIN", "GainMisfit", "MtfEstimate", "gain_misfit", "scene_gains"]

STEP = 0.05
NODES = tuple(STEP * number for number in range(1, 17))
"""Gains that are tried, 0.05 .. 0.8."""
TYPICAL = 0.3
"""The gain by which PAN and band are registered, and that of bands of which nothing is known."""
BLOCK = 4
"""Side of a block in MS pixels."""
REACH = 3
"""MS pixels that the high-pass, whose Gaussian has sigma 1, reaches."""
GAIN_MARGIN = 5
"""MS pixels around a window that only its filters use."""
EXPLAINED = 0.8
"""Share of a block's variance that the PAN must explain."""
FLOOR = 1e-3
"""Unexplained share that is as good as none."""
REGISTRATIONS = 3
"""Steps of the registration of a band."""
CLOSE = 0.2
"""PAN pixels: the step after a step below this would not be seen."""
CELLS = 3
"""Parts of a window on each axis, left out in turn for the error."""
LEAST_BLOCKS = 150
"""Overlapping blocks that a band needs."""
LARGEST_ERROR = 0.08

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MtfEstimate:
    """Gains of the low-passes that lead from the PAN to the MS bands, at the MS Nyquist frequency."""

    gains: tuple[float, ...]
    """One a band, 0.05 .. 0.8, to two digits."""
    errors: tuple[float | None, ...]
    """Standard errors; None where a band does not tell: its gain is the mean of those that do."""
    reason: str | None = None
    """Why no band tells, so that all gains are the usual 0.3."""

    @classmethod
    def unknown(cls, bands: int, reason: str) -> "MtfEstimate":
        """Returns the usual gains, and why there are no others."""
        return cls(gains=(TYPICAL,) * bands, errors=(None,) * bands, reason=reason)

    def __str__(self) -> str:
        """Returns the gains with their errors, or why there are none."""
        if self.reason is not None:
            return f"unknown, since {self.reason}: {TYPICAL} stands in"
        pairs = zip(self.gains, self.errors, strict=True)
        return ", ".join(
            f"{gain:.2f} (mean)" if error is None else f"{gain:.2f} ± {max(error, 0.01):.2f}"
            for gain, error in pairs
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GainMisfit:
    """How badly the PAN fits each band of a window, by the gain of its low-pass."""

    sums: Tensor
    """``(cells, bands, gains)``: log of the unexplained share of variance, summed over blocks."""
    blocks: Tensor
    """``(bands,)``: blocks that count."""


def gain_misfit(
    pan: Tensor, ms: Tensor, ratio: float, *, first: tuple[float, float], valid: Tensor
) -> GainMisfit | None:
    """Returns the misfit of the gains in one window; None where it is smaller than its margins.

    Args:
        pan: ``(rows, cols)`` of the window and `GAIN_MARGIN` MS pixels on every side.
        ms: ``(bands, rows/ratio, cols/ratio)`` of the same place.
        ratio: PAN pixels per MS pixel.
        first: PAN index of the centre of MS pixel (0, 0), to within an MS pixel: each band is
            registered, since a shift would be taken for blur.
        valid: ``(rows/ratio, cols/ratio)``: the MS pixels that count; all are finite.
    """
    reach = 2 * GAIN_MARGIN + BLOCK
    if min(valid.shape) < reach:
        return None
    holes = max_pool2d((~valid).float()[None], reach, stride=1)
    view = _View(pan=(pan - pan.mean()).float(), ratio=ratio, shape=(ms.shape[1], ms.shape[2]))
    bands = [_Band.of((band - band.mean()).float(), holes == 0) for band in ms]
    found = [_misfit(view, band, first) for band in bands]
    sums = torch.stack([total for total, _ in found], 1)
    return GainMisfit(sums=sums, blocks=torch.stack([count for _, count in found]))


def _misfit(view: "_View", band: "_Band", first: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Returns the sums ``(cells, gains)`` and the number of blocks of one band."""
    at = _registered(view, band, first)
    rows, cols = (view.taps(NODES, axis, at[axis])[0] for axis in range(2))
    unexplained = band.fit(_detail(rows @ view.pan @ cols.mT))[1]
    counted = band.usable & (unexplained.amin(0) < 1 - EXPLAINED)
    logs = (unexplained + FLOOR).log() * counted
    cells = adaptive_avg_pool2d(logs, CELLS).flatten(1) * (counted.numel() / CELLS**2)
    return cells.T, counted.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A PAN, seen through Gaussian low-passes at the pixels of an MS."""

    pan: Tensor
    """``(rows, cols)``, float32, of mean 0."""
    ratio: float
    shape: tuple[int, int]
    """Rows and columns of the MS."""

    def taps(self, gains: Sequence[float], axis: int, first: float) -> tuple[Tensor, Tensor]:
        """Returns taps ``(gains, MS pixels, PAN pixels)`` of an axis, and their change with `first`."""
        scale = (self.ratio / math.pi) ** 2
        variances = [-2 * math.log(gain) * scale for gain in gains]
        variance = torch.tensor(variances, dtype=torch.float32)[:, None, None]
        centres = first + self.ratio * torch.arange(self.shape[axis], dtype=torch.float64)
        distance = torch.arange(self.pan.shape[axis]) - centres[:, None]
        away = distance.float() / variance
        # Far away, exp would be slow and its result denormal.
        taps = (-0.5 * away * distance.float()).clamp(min=-30).exp()
        taps /= taps.sum(-1, keepdim=True)
        return taps, taps * away


@dataclass(frozen=True, slots=True)
class _Band:
    """The detail of an MS band, in overlapping blocks."""

    detail: Tensor
    """``(1, rows, cols)``."""
    variance: Tensor
    """``(1, rows, cols)`` of the blocks."""
    usable: Tensor
    """``(1, rows, cols)``: whether all pixels that a block depends on are valid."""

    @classmethod
    def of(cls, band: Tensor, usable: Tensor) -> "_Band":
        detail = _detail(band[None])
        return cls(detail, _covariance(detail, detail), usable)

    def fit(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the slope of each block on each image, and the share left unexplained."""
        mean = _mean(images)
        variance = _mean(images.square()) - mean.square()
        shared = _mean(images * self.detail) - mean * _mean(self.detail)
        product = variance * self.variance
        explained = torch.where(product > 0, shared.square() / product, 0.0)
        slope = torch.where(variance > 0, shared / variance, 0.0)
        return slope, (1 - explained).clamp(0, 1)


def _registered(view: _View, band: _Band, first: tuple[float, float]) -> tuple[float, float]:
    """Returns `first` as it fits one band, by Gauss-Newton steps."""
    at = np.array(first)
    for _ in range(REGISTRATIONS):
        (rows, down), (cols, right) = (view.taps([TYPICAL], axis, at[axis]) for axis in range(2))
        low = torch.cat([rows, down, rows]) @ view.pan @ torch.cat([cols, cols, right]).mT
        step = _step(band, _detail(low))
        at += step.clip(-view.ratio, view.ratio)
        if abs(step).max() < CLOSE:
            break
    return float(at[0]), float(at[1])


def _step(band: _Band, images: Tensor) -> Array:
    """Returns rows and columns; images are the PAN and its change with each of them."""
    slope, unexplained = band.fit(images[:1])
    counted = band.usable & (unexplained < 1 - EXPLAINED)
    noise = (unexplained + FLOOR) * band.variance
    weights = torch.where(counted, slope / noise, 0.0)
    low, change = images[:1], images[1:]
    # What the low-pass itself explains of its changes is a matter of the slope.
    own = _covariance(change, low) / _covariance(low, low)
    right = _covariance(change, band.detail) - own * _covariance(low, band.detail)
    left = [_covariance(change, other) - own * _covariance(low, other) for other in change[:, None]]
    vector = (weights * right).nan_to_num().sum((1, 2))
    matrix = torch.stack([(weights * slope * row).nan_to_num().sum((1, 2)) for row in left])
    step: Array = np.linalg.lstsq(matrix.double().numpy(), vector.double().numpy())[0]
    return step


def _detail(images: Tensor) -> Tensor:
    """Returns what a Gaussian of sigma 1 takes away, `GAIN_MARGIN` pixels inside the borders."""
    taps = np.exp(-0.5 * np.arange(-REACH, REACH + 1) ** 2)
    gaussian = Filter.of(taps / taps.sum(), 1)
    inner = GAIN_MARGIN - REACH
    blurred = resample(images, gaussian, gaussian)[:, inner:-inner, inner:-inner]
    return images[:, GAIN_MARGIN:-GAIN_MARGIN, GAIN_MARGIN:-GAIN_MARGIN] - blurred


def _mean(images: Tensor) -> Tensor:
    """Returns the mean of images, ``(n, rows, cols)``, in each block."""
    rows = avg_pool2d(images, (BLOCK, 1), stride=1)
    return avg_pool2d(rows, (1, BLOCK), stride=1)


def _covariance(one: Tensor, other: Tensor) -> Tensor:
    """Returns the covariance of images, ``(n, rows, cols)``, in each block."""
    return _mean(one * other) - _mean(one) * _mean(other)


def scene_gains(windows: Iterable[GainMisfit], bands: int) -> MtfEstimate:
    """Returns the gains that fit all windows together, with errors from leaving out parts."""
    found = list(windows)
    if not found:
        reason = "no part of the scene is large, valid and parallel enough to the PAN"
        return MtfEstimate.unknown(bands, reason)
    sums = torch.cat([window.sums for window in found]).double().numpy()
    blocks = sum(window.blocks for window in found)
    gains = _best(sums.sum(0))
    ends = (gains == NODES[0]) | (gains == NODES[-1])
    errors = np.maximum(_errors(sums), np.where(ends, STEP, 0.0))
    tells = (np.asarray(blocks) >= LEAST_BLOCKS) & (errors <= LARGEST_ERROR)
    if not tells.any():
        reason = "the scene is too small or too flat, or PAN and MS are too unlike"
        return MtfEstimate.unknown(bands, reason)
    gains[~tells] = gains[tells].mean()
    known = zip(errors.tolist(), tells.tolist(), strict=True)
    return MtfEstimate(
        gains=tuple(round(gain, 2) for gain in gains.tolist()),
        errors=tuple(round(error, 3) if tells else None for error, tells in known),
    )


def _errors(sums: Array) -> Array:
    """Returns the bands' standard errors by the jackknife; sums are ``(cells, bands, gains)``."""
    counted = sums[(sums != 0).any((1, 2))]
    count = len(counted)
    if count < 2:
        return np.full(sums.shape[1], np.inf)
    without = _best(counted.sum(0) - counted)
    error: Array = without.std(0) * math.sqrt(count - 1)
    return error


def _best(sums: Array) -> Array:
    """Returns the gain where each parabola through the least of ``(..., gains)`` is least."""
    least = sums.argmin(-1)
    middle = least.clip(1, len(NODES) - 2)
    before, here, after = (
        np.take_along_axis(sums, (middle + offset)[..., None], -1)[..., 0] for offset in (-1, 0, 1)
    )
    bend = before - 2 * here + after
    moved = (before - after) / np.where(bend > 0, 2 * bend, np.inf)
    inside = np.take(NODES, middle) + STEP * moved
    best: Array = np.where(least == middle, inside, np.take(NODES, least))
    return best
