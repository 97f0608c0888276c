"""Text of options as values."""

import math

import pytest

from ssdiff_cli.options.parsing import (
    band_list,
    bounding_box,
    creation_options,
    output_nodata,
    source_nodata,
)
from ssdiff_models.errors import UsageError


def test_bands() -> None:
    assert band_list(None) == ()
    assert band_list("3,1") == (3, 1)
    with pytest.raises(UsageError, match=r"--bidx 1;2: give band numbers"):
        band_list("1;2")


def test_boxes() -> None:
    assert bounding_box(None) is None
    assert bounding_box("1,2,3,4.5") == (1, 2, 3, 4.5)
    assert bounding_box("179,2,-179.5,4.5") == (179, 2, -179.5, 4.5)
    for wrong in ("1,2,3", "a,b,c,d", "3,2,1,4", "1,4,3,2", "1,2,1,4"):
        with pytest.raises(UsageError, match=f"--bbox {wrong}"):
            bounding_box(wrong)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (None, (None, None)),
        ("0", (0, 0)),
        ("1,2", (1, 2)),
        ("1,", (1, None)),
        (",2", (None, 2)),
        (",", (None, None)),
    ],
)
def test_nodata_of_the_inputs(text: str | None, values: tuple[float | None, float | None]) -> None:
    assert source_nodata(text) == values


def test_nodata_of_the_output() -> None:
    assert (output_nodata("Inherit"), output_nodata("none"), output_nodata("5")) == (
        "inherit",
        "none",
        5,
    )
    nan = output_nodata("NaN")
    assert isinstance(nan, float)
    assert math.isnan(nan)
    with pytest.raises(UsageError, match="--nodata nothing: give a number or nan"):
        output_nodata("nothing")


def test_creation_options() -> None:
    assert creation_options(["A=1", "B=x=y"]) == (("A", "1"), ("B", "x=y"))
    for wrong in ("A", "=1"):
        with pytest.raises(UsageError, match="give NAME=VALUE"):
            creation_options([wrong])
