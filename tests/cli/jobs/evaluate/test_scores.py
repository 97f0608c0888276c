"""Statistics of scores, and what is better."""

import math

import numpy as np
import pytest
from scipy import stats

from ssdiff_cli.jobs.evaluate.scores import METRICS, summarise, t_quantile


def test_t_quantiles_are_students() -> None:
    for freedom in (*range(1, 30), 100, 1000):
        assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=5e-3)


def test_summaries() -> None:
    values = [0.5, 0.7, 0.9, 0.4]
    summary = summarise([{"q2n": value, "psnr": math.inf} for value in values])
    assert summary.mean == {"q2n": pytest.approx(np.mean(values)), "psnr": math.inf}
    assert summary.std["q2n"] == pytest.approx(np.std(values, ddof=1))
    interval = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert summary.ci95["q2n"] == pytest.approx((interval[1] - interval[0]) / 2, rel=5e-3)
    assert math.isnan(summary.std["psnr"])
    assert math.isnan(summarise([{"q2n": 1.0}]).std["q2n"])


def test_better_is_a_matter_of_the_metric() -> None:
    assert METRICS["sam"].better(1, 2)
    assert METRICS["q2n"].better(2, 1)
    assert METRICS["q2n"].better(1, math.nan)
    assert not METRICS["q2n"].better(math.nan, 1)
