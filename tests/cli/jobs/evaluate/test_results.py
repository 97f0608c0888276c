"""Results of an evaluation: rows, marks, thresholds."""

import math
from dataclasses import replace

import pytest

from ssdiff_cli.jobs.evaluate.plan import Settings
from ssdiff_cli.jobs.evaluate.results import Cell, Evaluation
from ssdiff_cli.jobs.evaluate.scores import METRICS as METRICS_BY_NAME
from ssdiff_cli.jobs.evaluate.scores import metric_names
from ssdiff_cli.jobs.evaluate.scoring import Scored
from ssdiff_cli.jobs.evaluate.thresholds import parse_condition
from ssdiff_models.errors import ThresholdError
from ssdiff_models.scene.sensors import get

METRICS = metric_names("full-resolution")


def evaluation(**hqnr: tuple[float, ...]) -> Evaluation:
    """Methods with the HQNR of each image, as crisp as the PAN; all other figures are 0."""
    scored = [
        Scored(
            name=f"image {k}",
            method=method,
            scores=dict.fromkeys(METRICS, 0.0) | {"slope": 1.0, "corr": 1.0, "hqnr": value},
        )
        for method, values in hqnr.items()
        for k, value in enumerate(values)
    ]
    settings = Settings(
        protocol="full-resolution",
        inputs=("set.h5",),
        sensor=get("qb"),
        ratio=4,
        crop=0,
        peak=2047,
        unit="image",
    )
    return Evaluation(settings=settings, scored=tuple(scored))


def column(found: Evaluation, name: str) -> dict[str, Cell]:
    """The cells of a metric by method."""
    for table in found.tables():
        if METRICS_BY_NAME[name] in table.metrics:
            index = table.metrics.index(METRICS_BY_NAME[name])
            return {method: cells[index] for method, cells in table.rows.items()}
    raise AssertionError(name)


def test_rows_are_means_with_their_spread_and_the_best_is_marked() -> None:
    found = evaluation(gsa=(0.8, 0.9), exp=(0.5, 0.7))
    assert found.count == 2
    cells = column(found, "hqnr")
    assert [cell.text for cell in cells.values()] == ["0.8500 ± 0.0707", "0.6000 ± 0.1414"]
    assert [cell.best for cell in cells.values()] == [True, False]


def test_a_single_row_is_not_the_best_and_no_number_never_is() -> None:
    assert not column(evaluation(gsa=(0.8,)), "hqnr")["gsa"].best
    cells = column(evaluation(gsa=(math.nan,), exp=(0.5,)), "hqnr")
    assert (cells["gsa"].text, cells["gsa"].best) == ("n/a", False)
    assert cells["exp"].best


def test_conditions_are_about_products_or_ssdiff_or_all_rows() -> None:
    condition = parse_condition("hqnr<0.6", METRICS, ("new", "ssdiff", "exp"))
    found = evaluation(new=(0.9,), ssdiff=(0.7,), exp=(0.5,))
    replace(found, conditions=(condition,), products=("new",)).check_thresholds()
    replace(found, conditions=(condition,)).check_thresholds()
    with pytest.raises(ThresholdError, match=r"^threshold missed: ssdiff has hqnr 0.5 "):
        replace(evaluation(ssdiff=(0.5,), exp=(0.9,)), conditions=(condition,)).check_thresholds()
    rows = evaluation(gsa=(0.5,), exp=(0.4,))
    with pytest.raises(ThresholdError, match=r"gsa has hqnr 0.5 \(hqnr<0.6\), and 1 more$"):
        replace(rows, conditions=(condition,)).check_thresholds()
