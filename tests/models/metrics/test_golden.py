"""The metrics against the values of the DLPan toolbox's own Matlab code, and against those made where both agreed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ssdiff_models import classical
from ssdiff_models.metrics import find_places
from ssdiff_models.resampling.upsample import interp23
from ssdiff_models.scene import sensors
from tests.golden import scenes, scores

RELATIVE = 1e-6
METHODS = (
    "exp",
    "bdsd",
    "bdsd-pc",
    "bt-h",
    "gs",
    "gsa",
    "awlp",
    "mtf-glp",
    "mtf-glp-fs",
    "mtf-glp-hpm-h",
    "mtf-glp-cbd",
)
"""The methods whose fused images are the toolbox's; the others bound a division that the toolbox does not."""

Array = npt.NDArray[np.float64]


@pytest.fixture
def values(golden: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((golden / "values.json").read_text())
    return found


def load(golden: Path, case: str) -> dict[str, Array]:
    with np.load(golden / "inputs" / f"{case}.npz") as arrays:
        return {
            name: np.atleast_3d(arrays[name]).astype(np.float64).transpose(2, 0, 1)
            for name in ("MS_LR", "PAN", "EXP", "GT")
            if name in arrays
        }


def fuse(method: str, arrays: dict[str, Array], sensor: str) -> Array:
    if method == "exp":
        return arrays["EXP"]
    fused = classical.fuse(
        method, pan=arrays["PAN"][0], ms=arrays["MS_LR"], lms=arrays["EXP"], sensor=sensor, ratio=4
    )
    return np.asarray(fused, dtype=np.float64)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("case", "sensor"), [("wv2_sv", "wv2"), ("ge1_sv", "ge1")])
def test_reduced_resolution_scores_are_the_toolboxs(
    golden: Path, values: dict[str, Any], case: str, sensor: str, method: str
) -> None:
    arrays = load(golden, case)
    found = scores.reduced_resolution(fuse(method, arrays, sensor), arrays["GT"])
    for crop, figures in found.items():
        assert figures == pytest.approx(values[case][method.upper()][crop], rel=RELATIVE)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exp", "gsa", "mtf-glp-fs"])
@pytest.mark.parametrize(("case", "sensor"), [("fr_wv2_sv", "wv2"), ("fr_ge1_sv", "ge1")])
def test_full_resolution_scores_are_the_toolboxs(
    golden: Path, values: dict[str, Any], case: str, sensor: str, method: str
) -> None:
    arrays = load(golden, case)
    lms = interp23(torch.from_numpy(arrays["MS_LR"]), 4).numpy()
    fused = fuse(method, arrays | {"EXP": lms}, sensor)
    found = scores.full_resolution(fused, lms, arrays["PAN"][0], arrays["MS_LR"], sensor)
    want = values[case][method.upper()]
    assert {name: found[name] for name in want} == pytest.approx(want, rel=RELATIVE)


@pytest.mark.parametrize("method", ["gsa", "ssdiff_sensor"])
@pytest.mark.parametrize("crop", ["qb_wuda", "ge1_vitale", "wv2_vitale"])
def test_figures_at_full_resolution_are_those_of_scarpas_tool(
    golden: Path, crop: str, method: str
) -> None:
    record = json.loads((golden / "fullres.json").read_text())["crops"][crop]
    with np.load(golden / record["file"]) as arrays:
        pan = arrays["PAN"].astype(float)
        ms, fused = (arrays[name].astype(float).transpose(2, 0, 1) for name in ("MS", method))
    sensor = crop.partition("_")[0]
    gains = sensors.get(sensor).gains(len(ms))
    places = find_places(pan, ms, gains=gains, ratio=4)
    assert [place[0] for place in places] == record["align_rows"]
    assert [place[1] for place in places] == record["align_cols"]
    lms = interp23(torch.from_numpy(ms), 4).numpy()
    found = scores.full_resolution(fused, lms, pan, ms, sensor)
    want = record["methods"][method]["double"]
    figures = {name: found[name] for name in scores.SCARPA}
    assert figures == pytest.approx({name: want[name] for name in figures}, rel=RELATIVE)


@pytest.mark.parametrize("method", classical.METHODS)
@pytest.mark.parametrize("sensor", scenes.SENSORS)
def test_scores_are_still_those_that_agreed(sensor: str, method: str) -> None:
    pair, expected = scenes.pair(sensor), scenes.scores(sensor, method)
    fused = classical.fuse(method, pan=pair.pan, ms=pair.ms, lms=pair.lms, sensor=sensor, ratio=4)
    inner = fused[:, scenes.TRUTH, scenes.TRUTH]
    for crop, figures in scores.reduced_resolution(inner, pair.truth).items():
        assert figures == pytest.approx(expected[crop], rel=RELATIVE)
    found = scores.full_resolution(fused, pair.lms, pair.pan, pair.ms, sensor)
    assert found == pytest.approx(expected["full"], rel=RELATIVE)
