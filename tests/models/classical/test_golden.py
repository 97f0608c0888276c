"""Fused images against the DLPan toolbox's own, and against those made where both agreed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ssdiff_models import classical
from tests.golden import scenes

TOLERANCE = 0.01
"""DN."""
SENSORS = {"wv2_sv": "wv2", "ge1_sv": "ge1"}

Array = npt.NDArray[np.float64]


def load(golden: Path, case: str) -> dict[str, Array]:
    with np.load(golden / "inputs" / f"{case}.npz") as arrays:
        return {
            n: np.atleast_3d(arrays[n]).astype(np.float64).transpose(2, 0, 1)
            for n in ("MS_LR", "PAN", "EXP", "GT")
        }


def toolbox(golden: Path, case: str, method: str) -> tuple[Array, tuple[slice, slice]]:
    with np.load(golden / "fused" / f"{case}__{method.upper()}.npz") as arrays:
        fused, (row, col) = arrays["F"].astype(np.float64).transpose(2, 0, 1), arrays["origin"]
    return fused, (slice(row, row + fused.shape[1]), slice(col, col + fused.shape[2]))


@pytest.mark.parametrize(
    "method", [name for name in classical.METHODS if name not in {"exp", "brovey"}]
)
@pytest.mark.parametrize("case", SENSORS)
def test_fused_pixels_are_the_toolboxs(golden: Path, case: str, method: str) -> None:
    arrays = load(golden, case)
    expected, window = toolbox(golden, case, method)
    fused = classical.fuse(
        method,
        pan=arrays["PAN"][0],
        ms=arrays["MS_LR"],
        lms=arrays["EXP"],
        sensor=SENSORS[case],
        ratio=4,
    )[:, *window]
    # What the toolbox's unbounded divisions make of single pixels is no reference.
    sane = np.abs(expected) < 4 * arrays["GT"].max()
    assert sane.mean() > 0.999
    assert np.abs(fused - expected)[sane].max() < TOLERANCE


@pytest.mark.parametrize("method", classical.METHODS)
@pytest.mark.parametrize("sensor", scenes.SENSORS)
def test_fused_pixels_are_still_those_that_agreed(sensor: str, method: str) -> None:
    pair = scenes.pair(sensor)
    fused = classical.fuse(method, pan=pair.pan, ms=pair.ms, lms=pair.lms, sensor=sensor, ratio=4)
    expected = scenes.fused(sensor, method)
    assert np.abs(fused[:, scenes.FUSED, scenes.FUSED] - expected).max() < TOLERANCE


def test_exp_is_the_interpolated_ms() -> None:
    pair = scenes.pair("qb")
    fused = classical.fuse("exp", pan=pair.pan, ms=pair.ms, lms=pair.lms, sensor="qb", ratio=4)
    assert np.array_equal(fused, pair.lms)


@pytest.mark.parametrize(
    "method", ["mtf-glp-hpm", "mtf-glp-hpm-r", "awlp", "pracs", "brovey", "bt-h"]
)
def test_ratio_methods_are_bounded_where_the_toolbox_is_not(method: str) -> None:
    pair = scenes.pair("wv3")
    # Without its mean the MS, and so every sum of its bands, is nearly 0 in many pixels.
    mean = pair.ms.mean((1, 2), keepdims=True)
    lms = pair.lms - mean
    fused = classical.fuse(
        method,
        pan=np.maximum(pair.pan - np.median(pair.pan), 0),
        ms=pair.ms - mean,
        lms=lms,
        sensor="wv3",
        ratio=4,
    )
    assert np.isfinite(fused).all()
    # Unbounded, the methods give 100 to 30000 times the MS.
    assert np.abs(fused).max() <= 4 * classical.RATIO_LIMIT * np.abs(lms).max()
