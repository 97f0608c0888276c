"""Which metrics a protocol scores, which way is better, and how scores of several images become a mean with its uncertainty."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models import metrics
from ssdiff_models.errors import UsageError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import BoolArray

__all__ = [
    "METRICS",
    "Metric",
    "ProtocolName",
    "Scores",
    "Summary",
    "UnitName",
    "metric_names",
    "score_full",
    "score_reduced",
    "summarise",
]

ProtocolName = Literal["reduced-resolution", "full-resolution", "reference"]
UnitName = Literal["scene", "window", "image"]
Scores = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one figure is named, printed and compared."""

    title: str
    best: Literal["low", "high"]
    digits: int = 4

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is better than `b`; NaN is better than nothing."""
        return not math.isnan(a) and (math.isnan(b) or (a < b if self.best == "low" else a > b))


METRICS: Mapping[str, Metric] = {
    "sam": Metric(title="SAM [deg]", best="low", digits=3),
    "ergas": Metric(title="ERGAS", best="low", digits=3),
    "q2n": Metric(title="Q2n", best="high"),
    "uqi": Metric(title="Q", best="high"),
    "scc": Metric(title="SCC", best="high"),
    "psnr": Metric(title="PSNR [dB]", best="high", digits=2),
    "ssim": Metric(title="SSIM", best="high"),
    "d_lambda_khan": Metric(title="D_lambda (Khan)", best="low"),
    "d_s": Metric(title="D_s", best="low"),
    "hqnr": Metric(title="HQNR", best="high"),
    "d_lambda": Metric(title="D_lambda (QNR)", best="low"),
    "qnr": Metric(title="QNR", best="high"),
}
_FULL = ("d_lambda_khan", "d_s", "hqnr", "d_lambda", "qnr")


def metric_names(protocol: ProtocolName) -> tuple[str, ...]:
    """Returns the metrics that a protocol scores, in the order of tables."""
    return (
        _FULL
        if protocol == "full-resolution"
        else tuple(name for name in METRICS if name not in _FULL)
    )


def score_reduced(
    fused: Pixels, reference: Pixels, *, ratio: float, peak: float, valid: BoolArray | None = None
) -> Scores:
    """Returns the figures of an image that has a reference, both ``(bands, rows, cols)``.

    Raises:
        InputError: When the images cannot be compared or are smaller than a metric's block.
    """
    return {
        "sam": metrics.sam(fused, reference, valid=valid),
        "ergas": metrics.ergas(fused, reference, ratio=ratio, valid=valid),
        "q2n": metrics.q2n(fused, reference, valid=valid),
        "uqi": metrics.uqi(fused, reference, valid=valid),
        "scc": metrics.scc(fused, reference, valid=valid),
        "psnr": metrics.psnr(fused, reference, peak=peak, valid=valid),
        "ssim": metrics.ssim(fused, reference, peak=peak, valid=valid),
    }


def score_full(
    fused: Pixels,
    lms: Pixels,
    pan: Pixels,
    *,
    sensor: Sensor,
    ratio: int,
    valid: BoolArray | None = None,
) -> Scores:
    """Returns the figures of an image of a test set without a reference, exactly as the reference toolbox makes them.

    Args:
        fused: ``(bands, rows, cols)`` in DN.
        lms: The up-sampled MS, the same shape.
        pan: ``(rows, cols)``.
        sensor: Whose MTF gains the spectral distortion uses.
        ratio: PAN pixels per MS pixel.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared or are smaller than a metric's block.
    """
    khan = metrics.d_lambda_khan(fused, lms, sensor=sensor, ratio=ratio, valid=valid)
    spatial = metrics.d_s(fused, lms, pan, ratio=ratio, valid=valid)
    spectral = metrics.d_lambda(fused, lms, valid=valid)
    hybrid, plain = (1 - khan) * (1 - spatial), (1 - spectral) * (1 - spatial)
    return {
        "d_lambda_khan": khan,
        "d_s": spatial,
        "hqnr": hybrid,
        "d_lambda": spectral,
        "qnr": plain,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The scores of one method over all images."""

    mean: Scores
    std: Scores
    """N-1 standard deviation over images; NaN for a single one."""
    ci95: Scores
    """Half the width of the 95 % confidence interval of the mean (Student's t); NaN for a single image."""


def summarise(scores: Sequence[Scores]) -> Summary:
    """Returns mean, standard deviation and confidence interval of each metric; a NaN makes its mean NaN."""
    columns = {name: np.array([score[name] for score in scores]) for name in scores[0]}
    std = {name: _std(values) for name, values in columns.items()}
    half = t_quantile(len(scores) - 1) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
    return Summary(
        mean={name: float(values.mean()) for name, values in columns.items()},
        std=std,
        ci95={name: value * half for name, value in std.items()},
    )


def _std(values: npt.NDArray[np.float64]) -> float:
    # Equal images have an infinite PSNR, whose spread is no number.
    return float(values.std(ddof=1)) if len(values) > 1 and np.isfinite(values).all() else math.nan


def t_quantile(freedom: int) -> float:
    """Returns the 97.5 % quantile of Student's t: exact for 1 and 2 degrees of freedom, else a series good to 0.5 %.

    Raises:
        UsageError: When there is no degree of freedom.
    """
    if freedom < 1:
        raise UsageError("a confidence interval needs two windows or more")
    if freedom == 1:
        return math.tan(0.475 * math.pi)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z, n = 1.959963984540054, freedom
    # Cornish and Fisher's expansion in 1/n.
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / n + second / n**2 + third / n**3 + fourth / n**4
