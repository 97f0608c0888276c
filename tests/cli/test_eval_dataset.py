"""``ssdiff eval --dataset``: HDF5, Matlab files of both versions, and files of no known layout."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io
import torch
from typer.testing import Result

from ssdiff_cli.jobs import test_sets
from ssdiff_models import metrics
from ssdiff_models.errors import UsageError
from ssdiff_models.resampling.upsample import interp23
from tests.cli.calls import answer, refusal, ssdiff
from tests.golden import scenes
from tests.golden.scores import DETAIL, FULL, SCARPA

Arrays = dict[str, npt.NDArray[np.float64]]


def evaluate(path: Path, *arguments: str) -> Result:
    return ssdiff("eval", "--dataset", path, "--methods", "exp", *arguments)


def scores(path: Path, *arguments: str) -> dict[str, Any]:
    return answer("eval", "--dataset", path, "--methods", "exp", *arguments)


def images(count: int = 3, bands: int = 4, side: int = 24) -> Arrays:
    """Arrays ``(images, bands, rows, cols)`` as in PanCollection; the MS is the decimated truth."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(200, 900, (count * bands, side, side)))
    smooth = interp23(coarse, 4).numpy().reshape(count, bands, 4 * side, 4 * side)
    gt = np.rint(smooth + rng.normal(0, 20, smooth.shape))
    ms = gt[:, :, 2::4, 2::4]
    lms = interp23(torch.from_numpy(ms.reshape(-1, side, side).copy()), 4).numpy().reshape(gt.shape)
    return {"ms": ms, "lms": lms, "pan": gt.mean(axis=1, keepdims=True), "gt": gt}


def write_hdf5(path: Path, arrays: Arrays) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_a_reduced_set_gives_mean_and_standard_deviation(tmp_path: Path) -> None:
    arrays = images()
    found = scores(write_hdf5(tmp_path / "test_gf2_multiExm1.h5", arrays))
    assert (found["protocol"], found["sensor"], found["ratio"], found["crop"]) == (
        "reduced-resolution",
        "gf2",
        4,
        21,
    )
    assert (found["unit"], found["count"], found["psnr"]) == (
        "image",
        3,
        "pooled over bands, peak 1023",
    )
    inner = (slice(None), slice(20, -21), slice(20, -21))
    values = [
        metrics.ergas(lms[inner], gt[inner], ratio=4)
        for lms, gt in zip(arrays["lms"], arrays["gt"], strict=True)
    ]
    assert found["methods"]["exp"]["ergas"] == pytest.approx(np.mean(values), rel=1e-6)
    assert found["std"]["exp"]["ergas"] == pytest.approx(np.std(values, ddof=1), rel=1e-4)
    assert found["ci95"]["exp"]["ergas"] == pytest.approx(
        4.302653 * np.std(values, ddof=1) / 3**0.5, rel=1e-4
    )


def test_the_table_prints_mean_and_deviation(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "test_gf2_multiExm1.h5", images())
    result = evaluate(path)
    assert "mean over 3 images ± standard deviation (N-1)" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("│ exp"))
    assert row.count("±") == 7


def test_a_set_without_a_reference_is_scored_at_full_resolution(tmp_path: Path) -> None:
    arrays = images(count=2)
    del arrays["gt"]
    found = scores(write_hdf5(tmp_path / "test_wv9_OrigScale_multiExm1.h5", arrays))
    assert (found["protocol"], found["sensor"], found["crop"]) == ("full-resolution", "generic", 0)
    assert any("does not tell its sensor" in note for note in found["notes"])
    want = [
        metrics.hqnr(lms, lms, pan, sensor="generic", ratio=4)
        for lms, pan in zip(arrays["lms"], arrays["pan"], strict=True)
    ]
    assert found["methods"]["exp"]["hqnr"] == pytest.approx(np.mean(want), rel=1e-6)


@pytest.mark.parametrize(
    "names", [("ms", "lms", "pan", "gt"), ("I_MS_LR", "I_MS", "I_PAN", "I_GT")]
)
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files_score_like_hdf5(tmp_path: Path, names: tuple[str, ...], version: str) -> None:
    arrays = images(count=1)
    want = scores(write_hdf5(tmp_path / "test_gf2_multiExm1.h5", arrays))["methods"]
    matlab = {
        new: arrays[old][0].transpose(1, 2, 0)
        for new, old in zip(names, ("ms", "lms", "pan", "gt"), strict=True)
    }
    matlab[names[2]] = matlab[names[2]][..., 0]
    path = tmp_path / "gf2_data1.mat"
    if version == "5":
        scipy.io.savemat(path, matlab)
    else:
        write_hdf5(path, {name: array.T for name, array in matlab.items()})
    assert scores(path)["methods"] == want


def test_dlpan_files_tell_their_sensor_and_bits(tmp_path: Path) -> None:
    arrays = {name: array[0].transpose(1, 2, 0) for name, array in images(count=1).items()}
    named = {
        "I_MS_LR": arrays["ms"],
        "I_MS": arrays["lms"],
        "I_PAN": arrays["pan"][..., 0],
        "I_GT": arrays["gt"],
    }
    path = tmp_path / "scene.mat"
    scipy.io.savemat(path, {**named, "sensor": "QB", "ratio": 4.0, "L": 10.0})
    found = scores(path)
    assert (found["sensor"], found["psnr"]) == ("qb", "pooled over bands, peak 1023")
    assert scores(path, "--sensor", "wv4")["sensor"] == "wv4"


def test_golden_scores_come_out_of_a_file(tmp_path: Path) -> None:
    pair, inner = scenes.pair("qb"), scenes.TRUTH
    coarse = slice(inner.start // 4, inner.stop // 4)
    images = {
        "I_MS_LR": pair.ms[:, coarse, coarse].transpose(1, 2, 0),
        "I_MS": pair.lms[:, inner, inner].transpose(1, 2, 0),
        "I_PAN": pair.pan[inner, inner],
        "I_GT": pair.truth.transpose(1, 2, 0),
    }
    scipy.io.savemat(tmp_path / "qb.mat", {**images, "sensor": "QB"})
    names = {"q2n": "Q2n", "uqi": "Q", "sam": "SAM", "ergas": "ERGAS", "scc": "SCC"}
    for crop, key in (("21", "cut21"), ("0", "nocut")):
        found = scores(tmp_path / "qb.mat", "--crop", crop)["methods"]["exp"]
        expected = scenes.scores("qb", "exp")[key]
        want = {ours: expected[theirs] for ours, theirs in names.items()}
        assert {name: found[name] for name in names} == pytest.approx(want, rel=1e-6)


def test_golden_full_resolution_scores_come_out_of_a_file(tmp_path: Path) -> None:
    pair = scenes.pair("qb")
    images = {
        "I_MS_LR": pair.ms.transpose(1, 2, 0),
        "I_MS": pair.lms.transpose(1, 2, 0),
        "I_PAN": pair.pan,
    }
    scipy.io.savemat(tmp_path / "qb.mat", {**images, "sensor": "QB"})
    found = scores(tmp_path / "qb.mat")["methods"]["exp"]
    expected = scenes.scores("qb", "exp")["full"]
    names = {ours: theirs for theirs, ours in (FULL | SCARPA | DETAIL).items()}
    want = {ours: expected[theirs] for ours, theirs in names.items()}
    assert {name: found[name] for name in names} == pytest.approx(want, rel=1e-6)


def test_files_of_another_layout_are_refusal(tmp_path: Path) -> None:
    arrays = images(count=1)
    assert "no such file" in refusal(evaluate(tmp_path / "no.h5"), 3)
    (tmp_path / "text.h5").write_text("not HDF5")
    assert "neither HDF5 nor a .mat file" in refusal(evaluate(tmp_path / "text.h5"), 3)
    (tmp_path / "text.mat").write_text("not Matlab" * 100)
    assert "cannot be read (Unknown mat file type" in refusal(evaluate(tmp_path / "text.mat"), 3)
    without = write_hdf5(tmp_path / "keys.h5", {"gt": arrays["gt"], "ms": arrays["ms"]})
    assert "has no lms or I_MS (it holds gt, ms)" in refusal(evaluate(without), 3)
    flat = write_hdf5(tmp_path / "flat.h5", arrays | {"pan": arrays["pan"][0]})
    assert "pan has shape (1, 96, 96), with ms (1, 4, 24, 24) it must be (1, 1, 96, 96)" in refusal(
        evaluate(flat), 3
    )
    other = write_hdf5(tmp_path / "other.h5", arrays | {"gt": arrays["gt"][:, :3]})
    assert (
        "gt has shape (1, 3, 96, 96), with ms (1, 4, 24, 24) it must be (1, 4, 96, 96)"
        in refusal(evaluate(other), 3)
    )
    arrays["lms"][0, 0, 0, 0] = np.nan
    assert "lms of image 0 has non-finite values" in refusal(
        evaluate(write_hdf5(tmp_path / "nan.h5", arrays)), 3
    )


def test_images_smaller_than_a_block_are_refusal(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "test_qb.h5", images(count=1, side=16))
    assert "smaller than the metrics' 32 x 32 block" in refusal(evaluate(path), 3)
    assert evaluate(path, "--crop", "0").exit_code == 0
    assert "images are scored whole" in refusal(evaluate(path, "--windows", "2"), 2)
    assert "its ratio is 4, not 2" in refusal(evaluate(path, "--ratio", "2"), 2)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"reading it needs no_such_library: pip install 'ssdiff-cli\[eval\]'"
    ):
        test_sets._library("no_such_library.io", str(tmp_path / "x.mat"))
