"""Where a fused image is wrong: against the reference, or without one against the MS."""

from dataclasses import dataclass

import numpy as np
import torch

from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_models.metrics.full_resolution import REACH
from ssdiff_models.resampling.degrade import mtf_filter
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["BandFigures", "band_figures", "error_map"]

SMALLEST_MEAN = 1e-6
"""Mean of a band below which errors are not divided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFigures:
    """The error of one method in each band."""

    rmse: tuple[float, ...]
    """Root mean squared error over the band's mean, in percent."""
    correlation: tuple[float, ...]
    """With the truth; NaN for a constant band."""


def error_map(fused: FloatArray, gallery: Gallery) -> FloatArray:
    """Returns ``(rows, cols)``: the root mean square over bands of the error over the band's mean.

    It is in percent, and 0 where it means nothing.
    """
    truth = gallery.truth
    means = np.abs(truth[:, gallery.valid].mean(axis=1)).clip(SMALLEST_MEAN)[:, None, None]
    error = (_comparable(fused, gallery) - truth) / means
    percent = 100 * np.sqrt((error**2).mean(axis=0))
    result: FloatArray = np.where(_trusted(gallery), percent, 0).astype(np.float32)
    return result


def band_figures(fused: FloatArray, gallery: Gallery) -> BandFigures:
    """Returns the error and the correlation of each band over the valid pixels."""
    mask = _trusted(gallery)
    rmse = []
    correlation = []
    for band, truth in zip(_comparable(fused, gallery), gallery.truth, strict=True):
        a = band[mask]
        b = truth[mask]
        mean = max(abs(float(b.mean())), SMALLEST_MEAN)
        rmse.append(100 * float(np.sqrt(np.mean((a - b) ** 2)) / mean))
        correlation.append(_correlation(a, b))
    return BandFigures(rmse=tuple(rmse), correlation=tuple(correlation))


def _comparable(fused: FloatArray, gallery: Gallery) -> FloatArray:
    """Returns the image, or without a reference what the sensor's MTF leaves of it."""
    if gallery.reference is not None:
        return fused
    settings = gallery.settings
    gains = settings.sensor.ms_gains
    seen: FloatArray = mtf_filter(torch.from_numpy(fused), gains, settings.ratio).numpy()
    return seen


def _trusted(gallery: Gallery) -> BoolArray:
    """Returns the pixels whose error means something.

    Where the MTF is applied to the part shown, the part's border is not among them.
    """
    if gallery.reference is not None:
        return gallery.valid
    inside = np.zeros_like(gallery.valid)
    inside[REACH:-REACH, REACH:-REACH] = True
    trusted: BoolArray = gallery.valid & inside
    return trusted if trusted.any() else gallery.valid


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
