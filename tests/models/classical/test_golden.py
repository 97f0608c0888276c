"""Fused images against the DLPan toolbox's own, from the same arrays."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ssdiff_models import classical

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


def test_exp_is_the_interpolated_ms(golden: Path) -> None:
    arrays = load(golden, "ge1_sv")
    fused = classical.fuse(
        "exp", pan=arrays["PAN"][0], ms=arrays["MS_LR"], lms=arrays["EXP"], sensor="ge1", ratio=4
    )
    assert np.array_equal(fused, arrays["EXP"])


@pytest.mark.parametrize(
    "method", ["mtf-glp-hpm", "mtf-glp-hpm-r", "awlp", "pracs", "brovey", "bt-h", "mtf-glp-hpm-h"]
)
def test_ratio_methods_are_bounded_where_the_toolbox_is_not(golden: Path, method: str) -> None:
    arrays = load(golden, "wv2_sv")
    dark = arrays["PAN"][0] - arrays["PAN"].min()  # a PAN that reaches 0 divides by nearly nothing
    fused = classical.fuse(
        method, pan=dark, ms=arrays["MS_LR"], lms=arrays["EXP"], sensor="wv2", ratio=4
    )
    assert np.isfinite(fused).all()
    assert np.abs(fused).max() <= 2 * classical.RATIO_LIMIT * arrays["EXP"].max()
