"""Ranks at full resolution."""

import math

import pytest

from ssdiff_cli.jobs.evaluate.ranking import ranking

GOOD = {"slope": 1.0, "corr": 0.99, "d_rho": 0.1, "r_sam": 1.0, "d_lambda_align": 0.01}


@pytest.mark.parametrize(
    ("changes", "misses"),
    [
        ({}, ()),
        ({"slope": 0.9}, ()),
        ({"slope": 0.89}, ("slope",)),
        ({"slope": 1.09}, ("slope",)),
        ({"slope": math.nan}, ("slope",)),
        ({"corr": 0.96}, ("corr",)),
        ({"r_sam": 1.3}, ("r_sam",)),
        ({"d_lambda_align": 0.03}, ("d_lambda_align",)),
        ({"r_sam": 0.1, "d_lambda_align": 0.0}, ()),
    ],
)
def test_a_method_that_misses_a_condition_has_no_rank(
    changes: dict[str, float], misses: tuple[str, ...]
) -> None:
    others = {
        "gsa": GOOD | {"d_rho": 0.2, "r_sam": 1.2},
        "bt-h": GOOD | {"d_rho": 0.3, "d_lambda_align": 0.02},
    }
    found = ranking(others | {"new": GOOD | changes})
    assert found["new"].misses == misses
    assert list(found) == (["gsa", "bt-h", "new"] if misses else ["new", "gsa", "bt-h"])
    assert found["gsa"].rank == (1 if misses else 2)


def test_without_yardsticks_spectra_are_not_bounded() -> None:
    found = ranking({"new": GOOD | {"r_sam": 9.0}, "soft": GOOD | {"slope": 0.2, "d_rho": 0.0}})
    assert [verdict.rank for verdict in found.values()] == [1, None]
