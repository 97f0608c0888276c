"""The metrics of each protocol, and the statistics of scores over images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ssdiff_models import metrics
from ssdiff_models.errors import UsageError

__all__ = [
    "METRICS",
    "Metric",
    "ProtocolName",
    "Scores",
    "Summary",
    "UnitName",
    "metric_names",
    "metric_tables",
    "reference_metrics",
    "summarise",
    "t_quantile",
]

ProtocolName = Literal["reduced-resolution", "full-resolution", "reference"]
UnitName = Literal["scene", "window", "image"]
Scores = Mapping[str, float]
"""Value of each metric by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one metric is titled, printed and compared."""

    title: str
    best: Literal["low", "high", "one"]
    digits: int = 4

    @property
    def arrow(self) -> str:
        """Where good values lie."""
        return {"low": "↓", "high": "↑", "one": "→1"}[self.best]

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is better than `b`; every number is better than NaN."""
        if math.isnan(a):
            return False
        if math.isnan(b) or self.best == "high":
            return math.isnan(b) or a > b
        return abs(a - 1) < abs(b - 1) if self.best == "one" else a < b


METRICS: Mapping[str, Metric] = {
    "sam": Metric(title="SAM [deg]", best="low", digits=3),
    "ergas": Metric(title="ERGAS", best="low", digits=3),
    "q2n": Metric(title="Q2n", best="high"),
    "uqi": Metric(title="Q", best="high"),
    "scc": Metric(title="SCC", best="high"),
    "psnr": Metric(title="PSNR [dB]", best="high", digits=2),
    "ssim": Metric(title="SSIM", best="high"),
    "d_rho": Metric(title="D_rho", best="low", digits=3),
    "d_rho_worst": Metric(title="D_rho worst", best="low", digits=3),
    "slope": Metric(title="slope", best="one", digits=3),
    "corr": Metric(title="corr", best="high", digits=3),
    "gain": Metric(title="gain", best="one", digits=3),
    "other": Metric(title="other", best="low", digits=3),
    "r_sam": Metric(title="R-SAM [deg]", best="low", digits=3),
    "d_lambda_align": Metric(title="D_lambda,align", best="low"),
    "r_ergas": Metric(title="R-ERGAS", best="low", digits=3),
    "r_q2n": Metric(title="R-Q2n", best="high"),
    "d_s_r": Metric(title="D_s^(R)", best="low"),
    "rqnr": Metric(title="RQNR", best="high"),
    "d_lambda_khan": Metric(title="D_lambda (Khan)", best="low"),
    "d_s": Metric(title="D_s", best="low"),
    "hqnr": Metric(title="HQNR", best="high"),
    "d_lambda": Metric(title="D_lambda (QNR)", best="low"),
    "qnr": Metric(title="QNR", best="high"),
}
"""All metrics, in the order of tables."""
_FULL = tuple(METRICS)[tuple(METRICS).index("d_rho") :]
_RANKING = ("d_rho", "d_rho_worst", "slope", "corr", "other", "r_sam", "d_lambda_align")
"""Those at full resolution that people should look at first."""


def metric_names(protocol: ProtocolName) -> tuple[str, ...]:
    """Returns the metrics of a protocol, in the order of tables."""
    if protocol == "full-resolution":
        return _FULL
    return tuple(name for name in METRICS if name not in _FULL)


def metric_tables(protocol: ProtocolName) -> tuple[tuple[str, ...], ...]:
    """Returns the metrics of each table that a protocol is printed in."""
    names = metric_names(protocol)
    if protocol != "full-resolution":
        return (names,)
    return _RANKING, tuple(name for name in names if name not in _RANKING)


def reference_metrics(*, ratio: float, peak: float) -> dict[str, metrics.Accumulator]:
    """Returns new accumulators of the metrics that need a reference."""
    return {
        "sam": metrics.SamAccumulator(),
        "ergas": metrics.ErgasAccumulator(ratio=ratio),
        "q2n": metrics.Q2nAccumulator(),
        "uqi": metrics.UqiAccumulator(),
        "scc": metrics.SccAccumulator(),
        "psnr": metrics.PsnrAccumulator(peak=peak),
        "ssim": metrics.SsimAccumulator(peak=peak),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The scores of one method over all images."""

    mean: Scores
    std: Scores
    """N-1 standard deviation over images; NaN for a single one."""
    ci95: Scores
    """Half the width of the mean's 95 % confidence interval (Student's t); NaN like `std`."""


def summarise(scores: Sequence[Scores]) -> Summary:
    """Returns mean, deviation and confidence interval of each metric; a NaN makes its mean NaN."""
    count = len(scores)
    half = t_quantile(count - 1) / math.sqrt(count) if count > 1 else math.nan
    mean = {}
    std = {}
    ci95 = {}
    for name in scores[0]:
        values = np.array([score[name] for score in scores])
        mean[name] = float(values.mean())
        std[name] = _std(values)
        ci95[name] = std[name] * half
    return Summary(mean=mean, std=std, ci95=ci95)


def _std(values: npt.NDArray[np.float64]) -> float:
    # Equal images have an infinite PSNR, whose spread is no number.
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    return float(values.std(ddof=1))


def t_quantile(freedom: int) -> float:
    """Returns the 97.5 % quantile of Student's t: exact up to 2, else good to 0.5 %.

    Source: Cornish and Fisher's expansion in 1/n.

    Raises:
        UsageError: When there is no degree of freedom.
    """
    if freedom < 1:
        raise UsageError("a confidence interval needs two windows or more")
    if freedom == 1:
        return math.tan(0.475 * math.pi)
    if freedom == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z = 1.959963984540054
    n = freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / n + second / n**2 + third / n**3 + fourth / n**4
