"""``ssdiff train`` from outside: data in, model out, and continued."""

import csv
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ssdiff_models.checkpoint import load_checkpoint, read_header, save_checkpoint
from ssdiff_models.training.scene_cache import load_scenes
from tests.cli.calls import answer, refusal, ssdiff
from tests.cli.training_data import TINY, index_folder, pair, patch_file
from tests.models.tiny import model
from tests.models.training.pieces import landscape

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    patch_file(folder / "train_qb.h5", 3)
    patch_file(folder / "valid_qb.h5", 1, seed=50)
    pair(folder / "alone", shift=0.4)
    index_folder(folder / "index")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """Four steps on the patch file, two at a time."""
    output = data / "model.safetensors"
    for steps in (2, 4):
        done = ssdiff(
            "train",
            data / "train_qb.h5",
            data / "valid_qb.h5",
            "-o",
            output,
            "--steps",
            steps,
            *TINY,
        )
        assert done.exit_code == 0, done.output
    return output


def rows(output: Path) -> list[dict[str, str]]:
    with output.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


def untouched(*paths: Path) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def test_any_mix_of_sources_trains_one_model(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "mix.safetensors"
    alone = f"{data}/alone/pan.tif,{data}/alone/ms.tif@ge1"
    extra = ("--valid", data / "valid_qb.h5", "--steps", 2, "--validate-every", 1, *TINY)
    found = answer("-v", "train", data / "train_qb.h5", alone, data / "index", "-o", output, *extra)
    assert found["validation"]["step"] == 2
    assert 0 < found["validation"]["ergas"] < 20
    assert 0 < found["validation"]["q2n"] <= 1
    metadata = read_header(output)["metadata"]
    assert metadata["sensors"] == ["ge1", "qb"]
    assert metadata["training"]["scenes"] == [
        "alone/ms.tif",
        "index/train",
        "train_qb.h5 (3 patches)",
    ]
    config = metadata["training"]["config"]
    assert config["data"]["sources"] == ["train_qb.h5", "pan.tif,ms.tif@ge1", "index"]
    assert (
        config["network"]["dim"],
        config["training"]["batch"],
        config["run"]["validate_every"],
    ) == (16, 2, 1)
    model = load_checkpoint(output)
    assert (model.bands, model.ratio, model.prior) == (("blue", "green", "red", "nir"), 4, "bt-h")
    assert load_checkpoint(output.with_suffix(".last.safetensors")).config == model.config
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert [row["step"] for row in rows(output)] == ["1", "2"]
    assert all(
        float(row["ergas"]) > 0 and float(row["sam"]) > 0 and float(row["q2n"]) > 0
        for row in rows(output)
    )
    # The pair's georeferencing was off; what trains is registered.
    scenes = {scene.name: scene for scene in load_scenes(output.with_suffix(".cache")).train}
    assert correlation(scenes["alone/ms.tif"].pan[0], scenes["alone/ms.tif"].gt[0]) > 0.97


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    inner = slice(4, -4)
    return float(
        torch.corrcoef(torch.stack([one[inner, inner].flatten(), other[inner, inner].flatten()]))[
            0, 1
        ]
    )


def test_a_continued_run_is_that_without_a_break_bit_by_bit(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    straight = tmp_path / "straight.safetensors"
    options = ("--validate-every", 2, *TINY)
    done = ssdiff(
        "train", data / "train_qb.h5", data / "valid_qb.h5", "-o", straight, "--steps", 4, *options
    )
    assert done.exit_code == 0, done.output
    one, other = (load_file(path.with_suffix(".last.safetensors")) for path in (straight, trained))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert straight.with_suffix(".csv").read_bytes() == trained.with_suffix(".csv").read_bytes()


def test_a_finished_run_has_nothing_to_do(data: Path, trained: Path) -> None:
    before = untouched(trained, trained.with_suffix(".state"), trained.with_suffix(".csv"))
    sources = (data / "train_qb.h5", data / "valid_qb.h5")
    assert answer("train", *sources, "-o", trained, "--steps", 4, *TINY)["validation"]["step"] == 4
    assert untouched(trained, trained.with_suffix(".state"), trained.with_suffix(".csv")) == before
    line = refusal(ssdiff("train", *sources, "-o", trained, "--steps", 2, *TINY), 2)
    assert "has 4 steps already, more than 2: raise --steps" in line


def test_a_cache_trains_where_there_are_no_rasters(trained: Path, tmp_path: Path) -> None:
    output = tmp_path / "cached.safetensors"
    settings = trained.with_suffix(".toml").read_text()
    (tmp_path / "settings.toml").write_text(
        "\n".join(line for line in settings.splitlines() if "sources" not in line)
    )
    blocked = "import sys; sys.modules['rasterio'] = None; sys.modules['h5py'] = None; from ssdiff_cli.app import main; main()"
    words = [
        "train",
        "--cache",
        trained.with_suffix(".cache"),
        "-o",
        output,
        "--config",
        tmp_path / "settings.toml",
    ]
    environ = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"}
    done = subprocess.run(
        [sys.executable, "-c", blocked, *map(str, words), "--device", "cpu", "-j", "1"],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, other = (load_file(path.with_suffix(".last.safetensors")) for path in (output, trained))
    assert all(torch.equal(one[name], other[name]) for name in one)
    line = refusal(
        ssdiff(
            "train", "--cache", trained.with_suffix(".cache"), "-o", output, "--prior", "lms", *TINY
        ),
        2,
    )
    assert "was made with data.prior 'bt-h', not 'lms'" in line


def test_a_changed_source_makes_the_cache_anew(tmp_path: Path) -> None:
    sources = (patch_file(tmp_path / "train_qb.h5", 2), patch_file(tmp_path / "valid_qb.h5", 1))
    output = tmp_path / "m.safetensors"
    ssdiff("train", *sources, "-o", output, "--steps", 1, *TINY)
    cache, first = output.with_suffix(".cache"), output.with_suffix(".cache").stat().st_mtime_ns
    assert (
        "made of the same sources"
        in ssdiff("-v", "train", *sources, "-o", output, "--steps", 1, *TINY).stderr
    )
    assert cache.stat().st_mtime_ns == first
    patch_file(tmp_path / "train_qb.h5", 3)
    ssdiff("train", *sources, "-o", output, "--steps", 1, *TINY)
    assert len(load_scenes(cache).train) == 3


def test_patch_files_are_dn_of_their_sensor(tmp_path: Path) -> None:
    """Values from 0 to 1 are multiplied by the full-scale value, bands chosen by name, the MS made at our phase."""
    dn, unit = tmp_path / "train_wv3.h5", tmp_path / "train_unit.h5"
    valid = patch_file(tmp_path / "valid_wv3.h5", 1, sensor="wv3", bands=8)
    patch_file(dn, 2, sensor="wv3", bands=8)
    patch_file(unit, 2, sensor="wv3", bands=8, scale=1 / 2047)
    chosen = ("--bands", "red,nir1", "--steps", 1, *TINY)
    for name, source in (("dn", dn), ("unit", f"{unit}@wv3")):
        done = ssdiff("train", source, valid, "-o", tmp_path / f"{name}.safetensors", *chosen)
        assert done.exit_code == 0, done.output
    one, other = (load_scenes(tmp_path / f"{name}.cache").train for name in ("dn", "unit"))
    _, gt = landscape(32, 8)
    for scene, again in zip(one, other, strict=True):
        assert scene.means == pytest.approx(again.means, rel=1e-5)
        assert scene.sensor == "wv3"
    assert torch.allclose(one[0].denormalise(one[0].gt), gt[[4, 6]].round(), atol=0.05)
    assert load_checkpoint(tmp_path / "dn.safetensors").bands == ("red", "nir1")


def test_a_file_of_settings_gives_way_to_flags(data: Path, tmp_path: Path) -> None:
    config, output = tmp_path / "c.toml", tmp_path / "m.safetensors"
    config.write_text(
        f'[data]\nsources = ["{data}/train_qb.h5"]\nvalid = ["{data}/valid_qb.h5"]\nprior = "lms"\n'
        "[network]\ndim = 16\nwindow = 8\ntime_width = 32\n"
        '[training]\nsteps = 1\nlbaf_steps = 1\nbatch = 3\nsize = 8\nloss = "l2"\n[schedule]\nname = "linear"\n[run]\nvalidate_every = 9\n'
    )
    found = answer(
        "train",
        "--config",
        config,
        "-o",
        output,
        "--batch",
        2,
        "--set",
        "training.ema=0.5",
        "--device",
        "cpu",
        "-j",
        1,
    )
    assert found["validation"]["step"] == 2
    written: dict[str, Any] = tomllib.loads(output.with_suffix(".toml").read_text())
    training = written["training"]
    assert (training["batch"], training["ema"], training["loss"], training["size"]) == (
        2,
        0.5,
        "l2",
        8,
    )
    assert (written["schedule"]["name"], written["data"]["prior"], written["data"]["bands"][0]) == (
        "linear",
        "lms",
        "blue",
    )
    metadata = read_header(output)["metadata"]["training"]
    assert {stage: scores["step"] for stage, scores in read_header(output.with_suffix(".last.safetensors"))["metadata"]["training"]["stages"].items()} == {"main": 1, "l-baf": 2}  # fmt: skip  # noqa: E501
    assert metadata["config"]["training"] == training
    # What it wrote repeats the run.
    again = tmp_path / "again.safetensors"
    answer(
        "train", "--config", output.with_suffix(".toml"), "-o", again, "--device", "cpu", "-j", 1
    )
    one, other = (load_file(path.with_suffix(".last.safetensors")) for path in (output, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_training_starts_from_a_model(trained: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    cache = trained.with_suffix(".cache")
    start = (
        "train",
        "--cache",
        cache,
        "-o",
        output,
        "--init",
        trained,
        "--set",
        "training.size=8",
        "--batch",
        2,
    )
    answer(*start, "--steps", 1, "--learning-rate", 1e-12, "--device", "cpu", "-j", 1)
    one, other = (load_file(path) for path in (output, trained))
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)
    other_width = (
        "train",
        "--cache",
        cache,
        "-o",
        tmp_path / "w.safetensors",
        "--init",
        trained,
        *TINY,
        "--dim",
        32,
    )
    assert "not the network to be trained (dim is 16, not 32)" in refusal(ssdiff(*other_width), 4)


def test_a_training_starts_from_a_model_of_other_bands(trained: Path, tmp_path: Path) -> None:
    three = tmp_path / "three.safetensors"
    save_checkpoint(three, model(3, bands=("blue", "green", "red")))
    words = (
        "train",
        "--cache",
        trained.with_suffix(".cache"),
        "-o",
        tmp_path / "m.safetensors",
        "--init",
        three,
    )
    small = (
        "--set",
        "training.size=8",
        "--set",
        "network.time_width=32",
        "--dim",
        16,
        "--window",
        8,
        "--batch",
        2,
    )
    done = ssdiff(
        *words, *small, "--steps", 1, "--learning-rate", 1e-12, "--device", "cpu", "-j", 1
    )
    assert done.exit_code == 0, done.output
    assert "begin anew" in done.stderr
    started, source = load_file(tmp_path / "m.safetensors"), load_file(three)
    same = [name for name in source if started[name].shape == source[name].shape]
    assert len(same) > 100
    assert all(torch.allclose(started[name], source[name], atol=1e-6) for name in same)


def test_bfloat16_trains_where_it_is_asked_for(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssdiff_cli.device.multiplies_bfloat16", lambda: True)
    words = (
        "train",
        "--cache",
        trained.with_suffix(".cache"),
        "--steps",
        2,
        "--validate-every",
        2,
        "--device",
        "cpu",
        *TINY,
    )
    losses = []
    for precision in ("fp32", "bf16", "auto"):
        output = tmp_path / f"{precision}.safetensors"
        answer(*words, "-o", output, "--precision", precision)
        losses.append([float(row["loss"]) for row in rows(output)])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[1] != losses[0]
    assert losses[2] == losses[0]


@pytest.mark.slow
def test_two_processes_train_what_one_does(trained: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (
        "train",
        "--cache",
        trained.with_suffix(".cache"),
        "--steps",
        3,
        "--learning-rate",
        1e-4,
        *TINY,
        "--batch",
        4,
    )
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    answer(*words, "-o", one)
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    base = (
        os.environ
        | group
        | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}", "GLOO_SOCKET_IFNAME": "lo"}
    )
    command = [sys.executable, "-m", "ssdiff_cli", *map(str, words), "-o", str(two)]
    processes = [
        subprocess.Popen(
            command,
            env=base | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    assert [out.strip() for out, _ in ended] == [str(two), ""]
    states = [
        torch.load(path.with_suffix(".state"), weights_only=True)["network"] for path in (one, two)
    ]
    assert max(float((states[0][name] - states[1][name]).abs().max()) for name in states[0]) < 1e-5
