"""The measurements on a folder of pairs: quality, robustness, ablation."""

import shutil
from pathlib import Path

import pytest

from benchmarks import ablation, quality, robustness
from tests.cli.calls import save_tiny
from tests.cli.training_data import index_folder, pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return index_folder(tmp_path / "pairs")


def rows(printed: str, start: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.startswith(start)]


def test_quality_prints_every_scene_and_the_means(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quality.main([str(folder), "--model", str(save_tiny(tmp_path)), "--methods", "exp,gsa"])
    printed = capsys.readouterr().out
    titles = [line for line in printed.splitlines() if not line.startswith(" ")]
    assert titles == ["pairs/val", "mean of QuickBird", "mean of all"]
    scene, sensor, every = rows(printed, "  gsa")
    assert scene == sensor == every
    assert 0 < float(scene[2]) < 100


def test_sensors_are_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(folder), "--split", "val", "--model", str(save_tiny(tmp_path))]
    robustness.main(arguments)
    kept = capsys.readouterr().out
    robustness.main([*arguments, "--without", "QuickBird"])
    assert len(kept.splitlines()) == 8
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_robustness_is_about_what_a_change_costs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    robustness.main([str(folder), "--split", "val", "--model", str(save_tiny(tmp_path))])
    (gsa,) = rows(capsys.readouterr().out, "| gsa")
    # A shift costs every method something; a calibration error that MS and reference share costs GSA nothing.
    assert float(gsa[5].strip("+%")) > float(gsa[7].strip("+-%"))


def test_ablation_trains_what_it_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / "train")
    pair(folder / "train", side=256)
    ablation.main([str(folder), "--steps", "3", "--only", "width"])
    _, _, row = capsys.readouterr().out.splitlines()
    assert row.startswith("| width | dim 16 |")
    assert float(row.split("|")[-2]) > 0
