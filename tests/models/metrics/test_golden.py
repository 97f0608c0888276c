"""The metrics against the values that the DLPan toolbox's own Matlab code gave for the same arrays."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ssdiff_models import classical, metrics
from ssdiff_models.resampling.upsample import interp23

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


def reduced_scores(fused: Array, reference: Array) -> dict[str, float]:
    return {
        "Q2n": metrics.q2n(fused, reference),
        "Q": metrics.uqi(fused, reference),
        "SAM": metrics.sam(fused, reference),
        "ERGAS": metrics.ergas(fused, reference, ratio=4),
        "SCC": metrics.scc(fused, reference),
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
    fused = fuse(method, arrays, sensor)
    for cut, crop in (("nocut", slice(None)), ("cut21", slice(20, -21))):
        scores = reduced_scores(fused[:, crop, crop], arrays["GT"][:, crop, crop])
        assert scores == pytest.approx(values[case][method.upper()][cut], rel=RELATIVE)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exp", "gsa", "mtf-glp-fs"])
@pytest.mark.parametrize(("case", "sensor"), [("fr_wv2_sv", "wv2"), ("fr_ge1_sv", "ge1")])
def test_full_resolution_scores_are_the_toolboxs(
    golden: Path, values: dict[str, Any], case: str, sensor: str, method: str
) -> None:
    arrays = load(golden, case)
    arrays["EXP"] = interp23(torch.from_numpy(arrays["MS_LR"]), 4).numpy()
    lms, pan = arrays["EXP"], arrays["PAN"]
    fused = fuse(method, arrays, sensor)
    khan, spatial = (
        metrics.d_lambda_khan(fused, lms, sensor=sensor, ratio=4),
        metrics.d_s(fused, lms, pan, ratio=4),
    )
    spectral = metrics.d_lambda(fused, lms)
    scores = {"D_lambda_K": khan, "D_s": spatial, "HQNR": (1 - khan) * (1 - spatial)}
    scores |= {"D_lambda": spectral, "QNR": (1 - spectral) * (1 - spatial)}
    assert scores == pytest.approx(values[case][method.upper()], rel=RELATIVE)
