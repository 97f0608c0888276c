"""``ssdiff adapt`` as a black box."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from ssdiff_cli.jobs.adapt import windows
from ssdiff_cli.jobs.adapt.quality import MaskedSource
from ssdiff_cli.jobs.adapt.windows import base_model
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair_files import open_files
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.windows import Window
from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.models.training.pieces import landscape
from tests.scenes import Scene, SceneFactory


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"), prior="bt-h", tile=184)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=384)


def test_an_adapted_model_is_reported_and_sharpens(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "mine.safetensors"
    report = answer(
        "adapt",
        scene.pan,
        scene.ms,
        "-o",
        model,
        "--model",
        tiny,
        "--steps",
        50,
        "--num-threads",
        1,
    )
    assert report["base"] == "tiny"
    assert set(report["unseen"]) == {
        "before",
        "after",
        "gsa",
        "bt-h",
        "bdsd-pc",
        "mtf-glp-fs",
        "mtf-glp-hpm",
    }
    assert report["hqnr"]["after"] >= report["hqnr"]["before"] - 0.003
    assert report["unseen"]["after"]["ergas"] <= report["unseen"]["before"]["ergas"]
    loaded = load_checkpoint(model)
    assert loaded.name == "mine"
    assert loaded.metadata["adapted"]["unseen"] == report["unseen"]
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--model", model)
    line = refusal(ssdiff("adapt", scene.pan, scene.ms, "-o", model, "--model", tiny), 2)
    assert "--overwrite" in line


def test_a_scene_of_another_ratio_is_adapted_to_on_the_models_grid(
    scene_factory: SceneFactory, tiny: Path
) -> None:
    scene = scene_factory(size=96, ratio=3)
    job = SharpenJob(pan=str(scene.pan), ms=str(scene.ms), output="", model=str(tiny))
    with raster_env(), open_files(job.pan, job.ms, options=job.pair) as files:
        base = base_model(job, files)
    assert (base.name, base.ratio, base.ms_phase) == ("tiny", 4, 1.5)


def test_a_scene_of_other_bands_begins_from_the_nearest_model(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "three.safetensors"
    words = (
        "adapt",
        scene.pan,
        scene.ms,
        "-o",
        model,
        "--model",
        tiny,
        "--bidx",
        "3,2,1",
        "--steps",
        10,
        "--num-threads",
        1,
    )
    report = answer(*words)
    assert report["bands"] == 3
    assert any("begin anew" in warning for warning in report["warnings"])
    out = tmp_path / "out.tif"
    answer("sharpen", scene.pan, scene.ms, "-o", out, "--model", model, "--bidx", "3,2,1")
    with rasterio.open(out) as fused:
        assert fused.count == 3
        assert np.isfinite(fused.read()).all()


def test_sharpen_adapts_in_one_go(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    out, plain = tmp_path / "out.tif", tmp_path / "plain.tif"
    words = (
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        out,
        "--model",
        tiny,
        "--adapt",
        "--adapt-minutes",
        0.01,
        "--num-threads",
        1,
    )
    report = answer(*words)
    model = tmp_path / "out.model.safetensors"
    assert report["model"] == "out.model"
    answer("sharpen", scene.pan, scene.ms, "-o", plain, "--model", model)
    with rasterio.open(out) as first, rasterio.open(plain) as second:
        assert np.array_equal(first.read(), second.read())
    # The model is at hand the second time.
    before = model.stat().st_mtime_ns
    answer(*words, "--overwrite")
    assert model.stat().st_mtime_ns == before
    assert "--adapt" in refusal(
        ssdiff(
            "sharpen", scene.pan, scene.ms, "-o", out, "--overwrite", "--method", "gsa", "--adapt"
        ),
        2,
    )


def test_scenes_too_small_to_adapt_to(
    scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    small = scene_factory(size=64)
    done = ssdiff("adapt", small.pan, small.ms, "-o", tmp_path / "m.safetensors", "--model", tiny)
    assert "too few" in refusal(done, 3)
    assert not list(tmp_path.glob("m.*"))


def test_small_scenes_get_a_new_last_layer(
    scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    small = scene_factory(size=128)
    report = answer(
        "adapt",
        small.pan,
        small.ms,
        "-o",
        tmp_path / "m.safetensors",
        "--model",
        tiny,
        "--num-threads",
        1,
    )
    assert report["stage"] == "last layer"
    assert report["steps"] == 0
    assert any("no room for training patches" in warning for warning in report["warnings"])
    # HQNR may forbid to go all the way, or to go at all.
    better = report["unseen"]["after"]["ergas"] < report["unseen"]["before"]["ergas"]
    assert better == (report["share"] > 0)
    words = (
        "adapt",
        small.pan,
        small.ms,
        "-o",
        tmp_path / "n.safetensors",
        "--model",
        tiny,
        "--num-threads",
        1,
    )
    report = answer(*words, "--hqnr-fall", 1)
    assert report["share"] == 1
    assert report["unseen"]["after"]["ergas"] < report["unseen"]["before"]["ergas"]


def test_invalid_pixels_do_not_count_at_full_resolution() -> None:
    pan, gt = landscape(64)
    ms = torch.nn.functional.avg_pool2d(gt[None], 4)[0].numpy()
    mask = np.ones((64, 64), np.bool_)
    mask[:, :20] = False
    plain = ArraySource(pan=pan.numpy(), ms=ms, ratio=4)
    masked = MaskedSource(pan=pan.numpy(), ms=ms, ratio=4, mask=mask, scene=plain.statistics())
    patch = masked.read(Window(row=-4, col=12, rows=16, cols=16))
    assert np.array_equal(patch.pan, plain.read(Window(row=-4, col=12, rows=16, cols=16)).pan)
    assert not patch.valid[:4].any()
    assert not patch.valid[:, :8].any()
    assert patch.valid[4:, 8:].all()


def test_the_report_for_people(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    done = ssdiff(
        "adapt",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "m.safetensors",
        "--model",
        tiny,
        "--steps",
        1,
        "--num-threads",
        1,
    )
    assert done.exit_code == 0, done.output
    first, *rest = done.stdout.splitlines()
    assert first == str(tmp_path / "m.safetensors")
    assert any("before" in line and "ERGAS" in line for line in rest)


def test_windows_without_pixels_are_left_out(
    scene_factory: SceneFactory, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_factory(size=512, pan_nodata=0)
    with rasterio.open(scene.pan, "r+") as file:
        pixels = file.read()
        pixels[:, 230:, 230:] = 0
        file.write(pixels)
    # Small stand-ins for a scene that is sampled by windows.
    monkeypatch.setattr(windows, "WHOLE", 256)
    monkeypatch.setattr(windows, "SIDE", 256)
    words = (
        "adapt",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "m.safetensors",
        "--model",
        tiny,
        "--num-threads",
        1,
        "--steps",
        10,
    )
    report = answer(*words)
    assert report["stage"] in {"start", "last layer", "training"}
    assert np.isfinite(report["unseen"]["after"]["ergas"])
    with rasterio.open(scene.pan, "r+") as file:
        file.write(np.zeros_like(pixels))
    assert "valid" in refusal(ssdiff(*words, "--overwrite"), 3)
