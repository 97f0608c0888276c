"""``ssdiff train`` with the networks of the paper's table, and what uses their models."""

import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ssdiff_models.checkpoint import load_checkpoint, read_header
from ssdiff_models.training.scene_cache import load_scenes
from tests.cli.calls import answer, refusal, ssdiff
from tests.cli.training_data import TINY, patch_file
from tests.scenes import SceneFactory

SHORT = (
    *("--patch", 16, "--batch", 2, "--decay", 1, "--set", "training.warmup=1"),
    *("--device", "cpu", "-j", 1),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    patch_file(folder / "train_qb.h5", 3)
    patch_file(folder / "valid_qb.h5", 1, seed=50)
    return folder


def train(data: Path, output: Path, name: str, steps: int) -> dict[str, float]:
    sources = (data / "train_qb.h5", data / "valid_qb.h5")
    words = ("--set", f"network.name={name}", "--steps", steps, "--validate-every", 2, *SHORT)
    found: dict[str, float] = answer("train", *sources, "-o", output, *words)["validation"]
    return found


@pytest.fixture(scope="module")
def pannet(data: Path) -> Path:
    output = data / "pannet.safetensors"
    train(data, output, "pannet", 2)
    assert train(data, output, "pannet", 4)["step"] == 4
    return output


# One without and one with statistics of batches, means of tiles and a noisy state.
@pytest.mark.parametrize("name", ["pannet", "mmnet"])
def test_a_continued_run_is_that_without_a_break(data: Path, tmp_path: Path, name: str) -> None:
    straight, broken = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    train(data, broken, name, 2)
    train(data, broken, name, 4)
    assert 0 < train(data, straight, name, 4)["ergas"] < 100
    one, other = (load_file(path.with_suffix(".last.safetensors")) for path in (straight, broken))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_file_knows_network_and_tiles(pannet: Path) -> None:
    header = read_header(pannet)
    assert header["network"] == "pannet"
    assert (header["prior"], header["tile"], header["overlap"]) == ("lms", 256, 32)
    settings = tomllib.loads(pannet.with_suffix(".toml").read_text())
    assert settings["network"] == {"name": "pannet"}
    assert (settings["training"]["loss"], settings["training"]["learning_rate"]) == ("l2", 1e-3)
    assert load_scenes(pannet.with_suffix(".cache")).settings["data"]["prior"] == "lms"
    assert load_checkpoint(pannet).network.receptive_radius == 20


def test_a_stand_in_of_pandiff_trains_as_diffusion(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "pandiff.safetensors"
    assert train(data, output, "pandiff", 1)["ergas"] > 0
    model = load_checkpoint(output)
    assert (model.schedule.name, model.schedule.steps, model.steps) == ("linear", 2000, 10)
    # The whole tile is a patch.
    assert (model.tile + model.overlap, model.residual_scale) == (16, 10.0)


def test_what_it_wrote_repeats_it_and_starts_another(pannet: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    words = ("--config", pannet.with_suffix(".toml"), "-o", again, "--device", "cpu", "-j", 1)
    assert answer("train", *words, "--validate-every", 2)["validation"]["step"] == 4
    first, second = (load_file(path.with_suffix(".last.safetensors")) for path in (again, pannet))
    assert all(torch.equal(first[key], second[key]) for key in first)
    started = tmp_path / "started.safetensors"
    cache = ("--cache", pannet.with_suffix(".cache"), "-o", started, "--init", pannet)
    answer("train", *cache, "--steps", 1, "--learning-rate", 1e-12, *SHORT)
    assert read_header(started)["network"] == "pannet"
    first, second = load_file(started), load_file(pannet)
    assert all(torch.allclose(first[key], second[key], atol=1e-6) for key in first)


def test_sharpen_and_eval_take_the_model(
    pannet: Path, scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=384)
    output = tmp_path / "out.tif"
    report = answer("sharpen", scene.pan, scene.ms, "-o", output, "--model", pannet, "-j", 1)
    assert (report["model"], report["steps"], report["count"]) == ("pannet", 1, 4)
    scored = answer("eval", "--reduced-res", scene.pan, scene.ms, "--model", pannet, "-j", 1)
    assert any(0 < scores["ergas"] < 100 for scores in scored["methods"].values())
    for option in (("--steps", 5), ("--samples", 2)):
        done = ssdiff("sharpen", scene.pan, scene.ms, "-o", output, "--overwrite",
                      "-q", "--model", pannet, *option)  # fmt: skip
        assert "model pannet knows no diffusion" in refusal(done, 2)
    mine = tmp_path / "mine.safetensors"
    done = ssdiff("adapt", scene.pan, scene.ms, "-o", mine, "-q", "--model", pannet, "-j", 1)
    assert "a network of type PanNet is not adapted: choose another --model" in refusal(done, 4)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (("network.name=pix",), "no network 'pix' to train: known are ssdiff, pnn, pannet"),
        (("network.name=released",), "no network 'released' to train: known are ssdiff"),
        (("network.name=pnn", "network.dim=16"), "network.dim is a setting of ssdiff, not of pnn"),
        (("network.width=16",), "network.width is a setting of ctinn, not of ssdiff"),
        (("network.name=ctinn", "network.width=6"), "[network]: the width must be a positive mult"),
        (("network.name=pnn", "data.ratio=2"), "[network]: the paper's baselines are for ratio 4"),
        (("network.name=pnn", "training.lbaf_steps=9"), "pnn, as set, has one branch"),
        (("network.name=pnn", "training.residual_scale=2.0"), "pnn knows no diffusion: leave out"),
        (("network.name=pnn", "schedule.steps=9"), "pnn knows no diffusion: leave out"),
        (("network.name=mmnet", "training.size=24"), "24 pixels is no multiple of 16, the window"),
    ],
)
def test_settings_of_other_networks(tmp_path: Path, settings: tuple[str, ...], line: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    done = ssdiff("train", tmp_path, "-o", tmp_path / "m.safetensors", *words)
    assert line in refusal(done, 2)
    assert not list(tmp_path.iterdir())


def test_models_and_states_of_other_networks(pannet: Path, tmp_path: Path) -> None:
    cache = ("--cache", pannet.with_suffix(".cache"))
    start = ("train", *cache, "-o", tmp_path / "m.safetensors", "--init", pannet, *SHORT)
    told = refusal(ssdiff(*start, "--set", "network.name=pnn"), 4)
    assert "(it is a pannet, not a pnn): leave out --init, or set network.name=pannet" in told
    before = pannet.with_suffix(".state").read_bytes()
    other = ("train", *cache, "-o", pannet, "--steps", 6, *SHORT, "--set", "network.name=dicnn")
    told = refusal(ssdiff(*other), 4)
    assert "network.name is 'dicnn', the run began with 'pannet'" in told
    assert pannet.with_suffix(".state").read_bytes() == before
    plain = ("train", *cache, "-o", tmp_path / "m.safetensors", "--init", pannet, *TINY)
    assert "network.dim is a setting of ssdiff, not of pannet" in refusal(ssdiff(*plain), 2)
