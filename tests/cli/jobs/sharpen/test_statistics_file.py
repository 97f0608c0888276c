"""``--stats``, and warnings about scenes that a model does not know."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.training.fingerprint import scene_fingerprint
from ssdiff_models.training.wald_scene import WaldScene, from_reference
from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.models.training.pieces import DEGRADATION
from tests.scenes import Scene, SceneFactory

KNOWN = {"contrast": [[0.1, 0.6]] * 4, "pan_contrast": [0.1, 0.6], "correlation": [0.7, 0.99]}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=64)


def pixels(path: Path) -> Any:
    with rasterio.open(path) as file:
        return file.read()


def test_what_check_prints_gives_the_same_pixels_back(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    found = answer("check", scene.pan, scene.ms, "--model", tiny)
    whole, bare = tmp_path / "check.json", tmp_path / "stats.json"
    whole.write_text(json.dumps(found))
    bare.write_text(json.dumps(found["statistics"]))
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "own.tif", "--model", tiny)
    for stats in (whole, bare):
        output = tmp_path / f"{stats.stem}.tif"
        answer("sharpen", scene.pan, scene.ms, "-o", output, "--model", tiny, "--stats", stats)
        assert np.array_equal(pixels(output), pixels(tmp_path / "own.tif"))


def test_other_statistics_count_and_are_recorded(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    statistics = answer("check", scene.pan, scene.ms, "--model", tiny)["statistics"]
    statistics["ms"][2]["mean"] *= 2
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps(statistics))
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "own.tif", "--model", tiny)
    answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "other.tif",
        "--model",
        tiny,
        "--stats",
        stats,
    )
    assert not np.array_equal(pixels(tmp_path / "own.tif"), pixels(tmp_path / "other.tif"))
    with rasterio.open(tmp_path / "other.tif") as file:
        means = file.tags(ns="SSDIFF")["MS_MEANS"].split(",")
    assert float(means[2]) == pytest.approx(statistics["ms"][2]["mean"], rel=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a file of scene statistics"),
        ("[]", "a JSON list instead of an object"),
        ('{"pan": {"mean": 1}, "ms": []}', "not a file of scene statistics"),
        (
            '{"pan": {"mean": NaN, "std": 1, "minimum": 0, "maximum": 2}, "ms": []}',
            "no statistics of a band",
        ),
        (
            '{"pan": {"mean": 1, "std": 1, "minimum": 0, "maximum": 2}, "ms": []}',
            "statistics of 0 MS bands, the scene has 4",
        ),
    ],
)
def test_a_file_that_holds_no_statistics_is_refused(
    scene: Scene, tiny: Path, tmp_path: Path, text: str, said: str
) -> None:
    stats = tmp_path / "stats.json"
    stats.write_text(text)
    done = ssdiff(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--model",
        tiny,
        "--stats",
        stats,
    )
    line = refusal(done, 3)
    assert str(stats) in line
    assert said in line


def test_statistics_are_refused_where_they_count_for_nothing(scene: Scene, tmp_path: Path) -> None:
    words = (
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "gsa",
        "--stats",
        tmp_path / "any.json",
    )
    assert "--method gsa has no use for --stats" in refusal(ssdiff(*words), 2)


def flattened(scene: Scene) -> None:
    """Adds a large number to all bands: what data with a forgotten offset look like."""
    for path in (scene.pan, scene.ms):
        with rasterio.open(path, "r+") as file:
            file.write(file.read() + np.uint16(40000))


def test_a_scene_far_from_training_is_a_warning_with_both_numbers(
    scene: Scene, tmp_path: Path
) -> None:
    model = save_tiny(tmp_path, metadata={"name": "careful", "radiometry": KNOWN})
    assert answer("check", scene.pan, scene.ms, "--model", model)["warnings"] == []
    flattened(scene)
    warnings = answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--model", model)[
        "warnings"
    ]
    (band,) = [warning for warning in warnings if "MS band 4" in warning]
    contrast = answer("check", scene.pan, scene.ms, "--model", model)["statistics"]["ms"][3]
    assert "careful" in band
    assert f"{contrast['std'] / contrast['mean']:.3g}" in band
    assert "0.1 to 0.6" in band


def test_a_model_that_recorded_nothing_gives_no_warning(scene: Scene, tiny: Path) -> None:
    flattened(scene)
    assert answer("check", scene.pan, scene.ms, "--model", tiny)["warnings"] == []


def wald(contrast: float) -> WaldScene:
    generator = torch.Generator().manual_seed(3)
    base = torch.rand(1, 64, 64, generator=generator)
    gt = 500 * (1 + contrast * (base - 0.5) / base.std() + 0 * torch.zeros(4, 1, 1))
    return from_reference("scene", DEGRADATION, pan=gt.mean(0), gt=gt)


def test_training_records_the_range_of_its_scenes() -> None:
    found = scene_fingerprint([wald(0.1), wald(0.25)])
    assert np.allclose(found["contrast"], [[0.1, 0.25]] * 4, atol=0.002)
    assert np.allclose(found["pan_contrast"], [0.1, 0.25], atol=0.002)
    assert found["correlation"] == [1.0, 1.0]
    json.dumps(found)


def test_the_prior_is_part_of_the_statistics(scene: Scene, tmp_path: Path) -> None:
    """A model that is not trained shows nothing but its prior."""
    network = SSDiff(SSDiffConfig(bands=4, dim=16, window=8, time_width=32)).eval()
    untrained = save_tiny(tmp_path, network=network, prior="bt-h")
    options: list[str | Path] = ["--model", untrained, "--dtype", "float32"]
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", *options)
    answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "bt-h.tif",
        "--method",
        "bt-h",
        "--dtype",
        "float32",
    )
    fused, classical = pixels(tmp_path / "out.tif"), pixels(tmp_path / "bt-h.tif")
    np.testing.assert_allclose(fused, classical, rtol=2e-3)

    (tmp_path / "check.json").write_text(
        json.dumps(answer("check", scene.pan, scene.ms, "--model", untrained))
    )
    bright = json.loads((tmp_path / "check.json").read_text())["statistics"]
    bright["prior"]["haze"] = [0.0] * 4
    (tmp_path / "other.json").write_text(json.dumps(bright))
    for name in ("check", "other"):
        answer(
            "sharpen",
            scene.pan,
            scene.ms,
            "-o",
            tmp_path / f"{name}.tif",
            *options,
            "--stats",
            tmp_path / f"{name}.json",
        )
    assert np.array_equal(pixels(tmp_path / "check.tif"), fused)
    assert not np.allclose(pixels(tmp_path / "other.tif"), fused, rtol=1e-3)

    bright["prior"]["intensity"] = [1.0]
    (tmp_path / "bad.json").write_text(json.dumps(bright))
    done = ssdiff(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "x.tif",
        *options,
        "--stats",
        tmp_path / "bad.json",
    )
    assert "statistics" in refusal(done, 3)
