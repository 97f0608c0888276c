"""``ssdiff eval`` with the rows ``ssdiff`` and ``ssdiff-consistent``."""

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ssdiff_models.resampling.upsample import interp23
from tests.cli.calls import answer, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

CLASSICAL = ["exp", "gsa", "bt-h", "bdsd-pc", "mtf-glp-fs"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output is far from consistent: random weights, a small residual scale."""
    return save_tiny(tmp_path_factory.mktemp("model"), residual_scale=4.0)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128, offset=(0.0, 0.0), margin=0)


@pytest.mark.parametrize("sensor", [("--sensor", "qb"), ()])
def test_full_resolution_shows_the_spectral_distortion_before_and_after(
    scene: Scene, tiny: Path, tmp_path: Path, sensor: tuple[str, ...]
) -> None:
    table = tmp_path / "scores.csv"
    both = ("--methods", "ssdiff,ssdiff-consistent", "--csv", table)
    found = answer("eval", "--full-res", scene.pan, scene.ms, "--model", tiny, *both, *sensor)
    rows = found["methods"]
    assert list(rows) == ["ssdiff", "ssdiff-consistent"]
    assert rows["ssdiff-consistent"]["d_lambda_khan"] < rows["ssdiff"]["d_lambda_khan"] / 5
    assert (
        "ssdiff-consistent is ssdiff after the projection that makes it give the MS back"
        in found["notes"]
    )
    with table.open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == list(rows)


def test_conditions_are_about_the_row_they_name(scene: Scene, tiny: Path) -> None:
    pair = (
        "eval",
        "--full-res",
        scene.pan,
        scene.ms,
        "--sensor",
        "qb",
        "--model",
        tiny,
        "--methods",
        "ssdiff,ssdiff-consistent",
    )
    rows = answer(*pair)["methods"]
    limit = (rows["ssdiff"]["d_lambda_khan"] + rows["ssdiff-consistent"]["d_lambda_khan"]) / 2
    assert ssdiff(*pair, "--fail-if", f"ssdiff-consistent:d_lambda_khan>{limit}").exit_code == 0
    missed = ssdiff(*pair, "--fail-if", f"d_lambda_khan>{limit}")
    assert missed.exit_code == 6
    assert "ssdiff has d_lambda_khan" in missed.stderr
    assert "note: ssdiff-consistent is ssdiff after the projection" in missed.stdout


def test_each_row_is_what_sharpen_writes(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    plain, projected = tmp_path / "plain.tif", tmp_path / "projected.tif"
    common = (scene.pan, scene.ms, "--sensor", "qb", "--model", tiny)
    answer("sharpen", *common, "-o", plain)
    answer("sharpen", *common, "-o", projected, "--consistency")
    products = ("--fused", plain, "--fused", projected)
    rows = answer(
        "eval", "--full-res", *common, "--methods", "ssdiff,ssdiff-consistent", *products
    )["methods"]
    assert rows["plain"] == rows["ssdiff"]
    assert rows["projected"] == rows["ssdiff-consistent"]


def test_there_is_no_second_row_unless_it_is_asked_for(
    scene_factory: SceneFactory, tiny: Path
) -> None:
    scene = scene_factory(size=320, offset=(0.0, 0.0), margin=0)
    pair = (
        "eval",
        "--reduced-res",
        scene.pan,
        scene.ms,
        "--model",
        tiny,
        "--sensor",
        "qb",
        "--crop",
        "0",
    )
    assert list(answer(*pair)["methods"]) == ["ssdiff", *CLASSICAL]
    rows = answer(*pair, "--methods", "ssdiff,ssdiff-consistent")["methods"]
    assert rows["ssdiff-consistent"]["ergas"] < rows["ssdiff"]["ergas"]


def test_test_sets_without_a_reference_have_the_same_rows(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "test_qb_OrigScale_multiExm1.h5"
    with h5py.File(path, "w") as file:
        file["ms"], file["pan"] = scene.pair.ms[None], scene.pair.pan[None, None]
        file["lms"] = interp23(torch.from_numpy(scene.pair.ms.astype(np.float64)), 4).numpy()[None]
    common = ("eval", "--dataset", path, "--model", tiny)
    assert list(answer(*common)["methods"]) == ["ssdiff", *CLASSICAL]
    rows = answer(*common, "--methods", "ssdiff,ssdiff-consistent")["methods"]
    assert rows["ssdiff-consistent"]["d_lambda_khan"] < rows["ssdiff"]["d_lambda_khan"]
