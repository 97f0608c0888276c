"""The paper's table: all rows come, a call goes on where another stopped, other settings do not."""

import json
import shutil
from pathlib import Path

import h5py
import pytest

from benchmarks.paper_table.__main__ import main
from benchmarks.paper_table.runs import Training
from ssdiff_models.errors import ModelError
from tests.cli.training_data import index_folder, pair, patch_file

SMALL = ("--batch", "2", "--patch", "16", "--steps", "2", "--device", "cpu", "--threads", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = index_folder(tmp_path / "pairs")
    shutil.rmtree(folder / "val")
    pair(folder / "val", side=256, seed=11)
    return folder


def rows(printed: str, title: str) -> dict[str, list[str]]:
    """The cells of a table, by the name of the row."""
    _, _, rest = printed.partition(f"## {title}\n")
    lines = rest.partition("##")[0].split("\n")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    return {name: values for name, *values in cells}


@pytest.mark.slow
def test_a_folder_gives_every_row(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    only = ("--only", "exp", "ssdiff", "pannet")
    arguments = (str(folder), "-o", str(results), *SMALL, *only)
    assert main([*arguments, "--seconds", "0"]) == 0
    told = capsys.readouterr()
    assert "out of time: the same command goes on" in told.err
    assert not (results / "pannet-steps-1.safetensors").exists()
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert not told.err
    reduced = rows(told.out, "reduced resolution, val: equal steps")
    assert reduced[""] == ["SAM [deg]", "ERGAS", "Q2n", "SCC"]
    assert set(reduced) == {"", "---", "exp", "ssdiff", "pannet"}
    mean, spread = map(float, reduced["pannet"][1].split(" ± "))
    assert 0 < spread < mean
    assert "±" not in reduced["exp"][1]
    full = rows(told.out, "full resolution, val: equal time of training")
    assert {"D_rho", "slope", "D_lambda (Khan)", "D_s", "HQNR"} < set(full[""])
    cost = rows(told.out, "cost")
    assert cost[""] == ["parameters", "kFLOP/px", "s/Mpx", "s/step"]
    assert cost["pannet"][0] == "77,640"
    scored = [json.loads(line) for line in (results / "scores.jsonl").read_text().splitlines()]
    assert {row["run"] for row in scored} == {
        *("exp", "ssdiff-steps-1", "ssdiff-steps-2"),
        *(f"pannet-{budget}-{seed}" for budget in ("steps", "time") for seed in (1, 2)),
    }
    # A call after the last one trains and scores nothing.
    before = {path.name: path.stat().st_mtime_ns for path in results.glob("*.safetensors")}
    assert main(arguments) == 0
    assert capsys.readouterr().out == told.out
    assert {path.name: path.stat().st_mtime_ns for path in results.glob("*.safetensors")} == before


def test_a_training_that_diverges_costs_no_other_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object) -> bool:
        raise ModelError("training diverged at step 1")

    monkeypatch.setattr(Training, "advance", diverge)
    scored = patch_file(tmp_path / "test_qb.h5", 1)
    files = ("--h5", str(scored), "--valid", str(scored), "--test", str(scored), "--crop", "0")
    chosen = ("--only", "pannet", "exp", "--seeds", "1")
    assert main(["-o", str(tmp_path / "results"), *files, *SMALL, *chosen]) == 0
    told = capsys.readouterr()
    assert "pannet-steps-1 is left out: training diverged at step 1" in told.err
    assert float(rows(told.out, "test_qb.h5")["exp"][1]) > 0


@pytest.mark.slow
def test_pancollections_files_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, valid = patch_file(tmp_path / "train_qb.h5", 3), patch_file(tmp_path / "valid_qb.h5", 1)
    reduced = patch_file(tmp_path / "test_qb_multiExm1.h5", 2, seed=70)
    full = patch_file(tmp_path / "test_qb_OrigScale_multiExm1.h5", 2, seed=80)
    with h5py.File(full, "r+") as file:
        del file["gt"]
    tests = ("--test", str(reduced), "--test", str(full), "--crop", "0")
    files = ("--h5", str(train), "--valid", str(valid), *tests)
    chosen = ("--only", "bt-h", "pnn", "ssdiff", "--seeds", "1")
    assert main(["-o", str(tmp_path / "results"), *files, *SMALL, *chosen]) == 0
    printed = capsys.readouterr().out
    with_truth = rows(printed, "test_qb_multiExm1.h5: equal steps")
    assert with_truth[""][:3] == ["SAM [deg]", "ERGAS", "Q2n"]
    without = rows(printed, "test_qb_OrigScale_multiExm1.h5: equal time of training")
    for table, title in ((with_truth, "SAM [deg]"), (without, "D_lambda (Khan)")):
        place = table[""].index(title)
        assert all(float(table[name][place]) > 0 for name in ("bt-h", "pnn", "ssdiff"))


def test_what_cannot_be_is_told_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ("-o", str(tmp_path / "results"))
    assert main([str(folder), *results, *SMALL, "--only", "exp", "--seconds", "0"]) == 0
    capsys.readouterr()
    for arguments, line in (
        ((str(folder), *results, "--steps", "3"), "--steps 2, not 3: choose another --output"),
        (results, "give a folder of pairs, or --h5"),
        ((str(folder), *results, *SMALL, "--only", "pix"), "invalid choice: 'pix'"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        assert caught.value.code == 2
        assert line in capsys.readouterr().err.splitlines()[-1]
    odd = (str(folder), "-o", str(tmp_path / "odd"), *SMALL, "--patch", "24", "--only", "mmnet")
    assert main(list(odd)) == 2
    assert "24 pixels is no multiple of 16, the window of mmnet" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "-o", str(tmp_path / "no")]) == 3
    (error,) = capsys.readouterr().err.splitlines()
    assert "a folder of pairs needs an index.json" in error
