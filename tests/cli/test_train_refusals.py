"""What ``ssdiff train`` refuses, in one line, leaving what is there as it is."""

from dataclasses import replace
from pathlib import Path

import h5py
import pytest
import torch

from ssdiff_models.checkpoint import load_checkpoint, save_checkpoint
from ssdiff_models.training.scene_cache import load_scenes, save_scenes
from tests.cli.calls import refusal, ssdiff
from tests.cli.training_data import TINY, index_folder, pair, patch_file
from tests.limits import file_size_limit


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    patch_file(folder / "train_qb.h5", 2)
    patch_file(folder / "valid_qb.h5", 1, seed=50)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    output = data / "model.safetensors"
    done = ssdiff(
        "train", data / "train_qb.h5", data / "valid_qb.h5", "-o", output, "--steps", 2, *TINY
    )
    assert done.exit_code == 0, done.output
    return output


def refused(code: int, *words: str | Path | float) -> str:
    return refusal(ssdiff("train", *words, *TINY), code)


def kept(output: Path) -> list[bytes]:
    return [
        output.with_suffix(suffix).read_bytes()
        for suffix in (".safetensors", ".last.safetensors", ".state")
    ]


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("training.stepz=3", "unknown key training.stepz: known are band_jitter, batch, "),
        ("nets.dim=3", "unknown section [nets]: known are data, network, training, schedule, run"),
        ("network.bands=3", "unknown key network.bands"),
        (
            "training.batch=many",
            "the command line: training.batch is 'many': it should be a valid integer",
        ),
        ("training.batch=0", "training.batch is 0: it should be greater than or equal to 1"),
        ("training.ema=2", "training.ema is 2: it should be less than or equal to 1"),
        ("training.loss=l3", "training.loss is 'l3': it should be 'l1' or 'l2'"),
        ("network.fmim=1", "network.fmim is 1: it should be a valid boolean"),
        ("network.spectral_gains=[1.0]", "network.spectral_gains is [1.0]: a value is missing"),
        ("schedule.name=square", "schedule.name is 'square': it should be 'cosine' or 'linear'"),
        ("schedule.steps=0", "[schedule]: a noise schedule needs at least one time step, got 0"),
        ("data.ratio=3", "[network]: the ratio must be 2 or 4, got 3"),
        ("training.seed=2020-01-01", "training.seed is datetime.date(2020, 1, 1): it should be"),
        ("network.dim=20", "[network]: the width must be a positive multiple of 16, got 20"),
        ("training.size=12", "a patch of 12 pixels is no multiple of 8, the window of ssdiff"),
        ("steps", "write section.name=value"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, setting: str, line: str) -> None:
    told = refused(2, tmp_path, "-o", tmp_path / "m.safetensors", "--set", setting)
    assert line in told
    assert not list(tmp_path.iterdir())


def test_a_network_of_one_branch_has_no_turns_to_take(tmp_path: Path) -> None:
    alone = ("--set", "network.variant=spectral", "--set", "training.lbaf_steps=2")
    assert "has one branch, L-BAF trains two in turns" in refused(
        2, tmp_path, "-o", tmp_path / "m.safetensors", *alone
    )
    assert not list(tmp_path.iterdir())


def test_a_file_of_settings_is_checked_like_flags(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[training]\nrate = 3\n")
    words = (tmp_path, "-o", tmp_path / "m.safetensors", "--config", config)
    assert "c.toml: unknown key training.rate: known are" in refused(2, *words)
    config.write_text("steps = 3\n")
    assert "c.toml: steps is in no section: known are data" in refused(2, *words)
    config.write_text("[training\n")
    assert "c.toml: not TOML" in refused(3, *words)
    config.unlink()
    assert "c.toml: cannot be read" in refused(3, *words)


def test_sources_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    output = ("-o", tmp_path / "m.safetensors")
    train, valid = data / "train_qb.h5", data / "valid_qb.h5"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "a folder of pairs needs an index.json" in refused(3, empty, *output)
    (empty / "index.json").write_text('{"pairs": []}')
    assert "an index without pairs" in refused(3, empty, *output)
    assert "no such file or folder" in refused(3, tmp_path / "none", *output)
    assert "unknown sensor 'sputnik'" in refused(2, f"{tmp_path}/none@sputnik", *output)
    assert "nothing to train on: give sources" in refused(2, *output)
    assert "no validation data: name some with --valid" in refused(3, train, *output)
    assert "nothing for training" in refused(3, valid, *output)
    assert "nothing for training" in refused(3, train, valid, *output, "--without", "QuickBird")
    assert "no training data with the bands red,swir1" in refused(
        2, train, valid, *output, "--bands", "red,swir1"
    )
    assert "there is no folder" in refused(2, train, valid, "-o", tmp_path / "no" / "m.safetensors")
    assert "ends in .safetensors" in refused(2, train, valid, "-o", tmp_path / "m.pt")
    assert "not a cache of training scenes (No such file" in refused(
        3, "--cache", tmp_path / "no.cache", *output
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_patch_files_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    output, valid = ("-o", tmp_path / "m.safetensors"), data / "valid_qb.h5"
    unnamed = patch_file(tmp_path / "patches.h5", 1)
    assert "the full-scale value, is not known: write" in refused(2, unnamed, valid, *output)
    bright = patch_file(tmp_path / "train_gf2.h5", 1, scale=10.0)
    assert "gf2 has at most 1023: name its sensor" in refused(3, bright, valid, *output)
    with h5py.File(tmp_path / "train_wv3.h5", "w") as file:
        file["gt"] = [1.0]
    assert "has no ms or I_MS_LR (it holds gt)" in refused(
        3, tmp_path / "train_wv3.h5", valid, *output
    )
    with h5py.File(unnamed, "r+") as file:
        del file["gt"]
    assert "has no gt: full-resolution images have no truth" in refused(
        3, f"{unnamed}@qb", valid, *output
    )
    eight = patch_file(tmp_path / "train_wv2.h5", 1, sensor="wv2", bands=8)
    told = refused(2, data / "train_qb.h5", eight, valid, *output)
    assert (
        "the training data differ: choose with --bands among blue,green,red,nir (1); coastal,blue"
        in told
    )


def test_pairs_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    output, valid = ("-o", tmp_path / "m.safetensors"), data / "valid_qb.h5"
    pan, ms = pair(tmp_path / "far", shift=8.0)
    told = refused(3, f"{pan},{ms}", valid, *output)
    assert "columns (PAN pixels) apart, over 3: register them first" in told
    (other, _), (_, near) = (
        pair(tmp_path / "other", side=256, seed=7),
        pair(tmp_path / "near", side=256),
    )
    assert "where they fit best, under 0.3: do they show the same place?" in refused(
        3, f"{other},{near}", valid, *output
    )
    assert "a pair is a PAN and an MS" in refused(2, f"{pan},{ms},{ms}", valid, *output)
    assert "has 4 bands, a PAN has one: name the PAN first" in refused(
        3, f"{ms},{pan}", valid, *output
    )
    apart, _ = pair(tmp_path / "small", side=32)
    assert "less than 16 MS pixels of ground in common" in refused(
        3, f"{apart},{ms}", valid, *output
    )
    few = index_folder(tmp_path / "few", bands=["blue", "green"])
    assert "no training data with the bands red" in refused(2, few, *output, "--bands", "red")
    strange = index_folder(tmp_path / "strange", sensor="Sputnik")
    assert "strange/train: unknown sensor 'Sputnik'" in refused(3, strange, *output)


def test_patches_larger_than_images(trained: Path, tmp_path: Path) -> None:
    cache = trained.with_suffix(".cache")
    told = refusal(
        ssdiff("train", "--cache", cache, "-o", tmp_path / "m.safetensors", *TINY, "--patch", 64), 3
    )
    assert "no training scene has room for a patch of 64 pixels; the largest has 32 x 32" in told
    assert not list(tmp_path.iterdir())


def test_checkpoints_and_states_of_others_stay(trained: Path) -> None:
    before, cache = kept(trained), trained.with_suffix(".cache")
    again = ("train", "--cache", cache, "-o", trained, "--steps", 4, *TINY)
    told = refusal(ssdiff(*again, "--dim", 32), 4)
    assert "not a training state of this network" in told
    assert "network.dim is 32, the run began with 16" in told
    assert kept(trained) == before
    told = refusal(ssdiff(*again, "--learning-rate", "1e30", "-q"), 4)
    assert "training diverged at step" in told
    assert kept(trained) == before


def test_files_of_earlier_versions_are_refused_in_words(trained: Path, tmp_path: Path) -> None:
    cache, output = trained.with_suffix(".cache"), tmp_path / "m.safetensors"
    output.write_bytes(trained.read_bytes())
    again = ("train", "--cache", cache, "-o", output, "--steps", 4, *TINY)
    state = output.with_suffix(".state")
    for contents in ({"step": 2}, {"network": 3}, [1]):
        torch.save(contents, state)
        assert "m.state: not a training state of this network" in refusal(ssdiff(*again), 4)
    state.write_bytes(b"half a file")
    assert "m.state: not a training state of this network" in refusal(ssdiff(*again), 4)
    state.write_bytes(trained.with_suffix(".state").read_bytes())
    save_checkpoint(output, replace(load_checkpoint(trained), metadata={}))
    assert "m.safetensors: has no scores of a validation" in refusal(ssdiff(*again), 4)


@pytest.mark.parametrize("change", [{"prior": "other"}, {"bands": None}])
def test_a_cache_of_another_version_is_refused_in_words(
    trained: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    scenes = load_scenes(trained.with_suffix(".cache"))
    cache, output = tmp_path / "old.cache", tmp_path / "m.safetensors"
    words = ("train", "--cache", cache, "-o", output, "--steps", 4, *TINY)
    data = dict(scenes.settings["data"]) | change
    save_scenes(cache, replace(scenes, settings={"key": "0", "data": data}))
    assert "old.cache: a cache of another version: remove it" in refusal(ssdiff(*words), 3)
    save_scenes(cache, replace(scenes, settings={}))
    assert "old.cache: a cache of another version: remove it" in refusal(ssdiff(*words), 3)


def test_a_model_without_a_state_is_replaced_on_demand_only(trained: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.safetensors"
    model.write_bytes(trained.read_bytes())
    again = ("train", "--cache", trained.with_suffix(".cache"), "-o", model, "--steps", 1, *TINY)
    assert "there is no m.state to continue from; pass --overwrite" in refusal(ssdiff(*again), 2)
    assert model.read_bytes() == trained.read_bytes()
    assert ssdiff(*again, "--overwrite").exit_code == 0
    assert model.read_bytes() != trained.read_bytes()


def test_no_space(data: Path, trained: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    with file_size_limit(10_000):
        told = refused(5, data / "train_qb.h5", data / "valid_qb.h5", "-o", output)
    assert "m.cache: cannot write the cache of" in told
    assert not list(tmp_path.iterdir())
    before = kept(trained)
    with file_size_limit(200_000):
        done = ssdiff(
            "train", "--cache", trained.with_suffix(".cache"), "-o", trained, "--steps", 3, *TINY
        )
    assert done.exit_code == 5, done.output
    assert kept(trained) == before
    assert not list(trained.parent.glob("*.part"))
