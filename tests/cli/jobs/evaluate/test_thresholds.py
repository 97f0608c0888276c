"""Conditions on scores."""

import math

import pytest

from ssdiff_cli.jobs.evaluate.scores import Scores
from ssdiff_cli.jobs.evaluate.thresholds import parse_condition


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("hqnr<0.9", ["b"]),
        ("hqnr<=0.95", ["a", "b"]),
        ("a:hqnr>0.9", ["a"]),
        ("b : hqnr > 0.9", []),
        ("d_s>1", ["a"]),
    ],
)
def test_conditions(text: str, fails: list[str]) -> None:
    rows: dict[str, Scores] = {"a": {"hqnr": 0.95, "d_s": math.nan}, "b": {"hqnr": 0.8, "d_s": 0.1}}
    condition = parse_condition(text, ["hqnr", "d_s"], ["a", "b"])
    assert [line.split()[0] for line in condition.failures(rows, ["a", "b"])] == fails


def test_what_no_number_is_passes_no_condition() -> None:
    condition = parse_condition("d_s<0", ["d_s"], ["a"])
    assert condition.failures({"a": {"d_s": math.nan}}, ["a"]) == ["a has d_s nan (d_s<0)"]
