"""Where a fused image is wrong: against the reference, or where there is none against the MS that it must degrade to."""

from dataclasses import dataclass

import numpy as np
import torch

from ssdiff_cli.jobs.evaluate.report.gallery import Shown
from ssdiff_cli.jobs.evaluate.samples.sample import Settings
from ssdiff_models.metrics.full_resolution import REACH
from ssdiff_models.resampling.degrade import mtf_filter
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["BandFigures", "band_figures", "error_map", "truth_of", "worst_spot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFigures:
    """How far one method is off in each band."""

    rmse: tuple[float, ...]
    """Root mean squared error over the band's mean, in percent."""
    correlation: tuple[float, ...]


def truth_of(shown: Shown) -> FloatArray:
    """Returns what images are compared with."""
    return shown.lms if shown.reference is None else shown.reference


def trusted(shown: Shown) -> BoolArray:
    """Returns the pixels whose error means something: where the MTF is applied to the part shown, its border does not."""
    if shown.reference is not None:
        return shown.valid
    inside = np.zeros_like(shown.valid)
    inside[REACH:-REACH, REACH:-REACH] = True
    return shown.valid & inside if (shown.valid & inside).any() else shown.valid


def compared(fused: FloatArray, shown: Shown, settings: Settings) -> FloatArray:
    """Returns what of a fused image can be compared: itself, or what the sensor's MTF leaves of it where there is no reference."""
    if shown.reference is not None:
        return fused
    seen: FloatArray = mtf_filter(
        torch.from_numpy(fused), settings.sensor.ms_gains, settings.ratio
    ).numpy()
    return seen


def error_map(fused: FloatArray, shown: Shown, settings: Settings) -> FloatArray:
    """Returns ``(rows, cols)``: the root mean square over bands of the error over the band's mean, in percent."""
    truth = truth_of(shown)
    means = np.abs(truth[:, shown.valid].mean(axis=1)).clip(1e-6)[:, None, None]
    error = (compared(fused, shown, settings) - truth) / means
    result: FloatArray = np.where(trusted(shown), 100 * np.sqrt((error**2).mean(axis=0)), 0).astype(
        np.float32
    )
    return result


def band_figures(fused: FloatArray, shown: Shown, settings: Settings) -> BandFigures:
    """Returns the error and the correlation of each band over the valid pixels."""
    mask = trusted(shown)
    pairs = [
        (a[mask], b[mask])
        for a, b in zip(compared(fused, shown, settings), truth_of(shown), strict=True)
    ]
    rmse = [
        100 * float(np.sqrt(np.mean((a - b) ** 2)) / max(abs(float(b.mean())), 1e-6))
        for a, b in pairs
    ]
    return BandFigures(rmse=tuple(rmse), correlation=tuple(_correlation(a, b) for a, b in pairs))


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def worst_spot(error: FloatArray, side: int) -> tuple[slice, slice]:
    """Returns the `side` x `side` window (smaller in a smaller image) with the largest sum of errors."""
    height, width = (min(side, size) for size in error.shape)
    total = np.pad(error.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))
    sums = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    row, col = (int(index) for index in np.unravel_index(int(sums.argmax()), sums.shape))
    return slice(row, row + height), slice(col, col + width)
