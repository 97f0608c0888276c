"""``ssdiff eval`` on what it cannot score: requests that make no sense, rasters that do not fit."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from ssdiff_cli.jobs.evaluate import request
from ssdiff_cli.jobs.simulate import pan_transform
from tests.cli.calls import refusal
from tests.cli.eval_calls import evaluate, product
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    """Corner-aligned, so that no resampling stands between the files and the protocol."""
    return scene_factory(size=320, offset=(0.0, 0.0), margin=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--methods", "exp,magic"],
            "unknown method 'magic': known are ssdiff, ssdiff-consistent, exp",
        ),
        (["--methods", ","], "names no method"),
        (["--sensor", "hubble"], "unknown sensor 'hubble': known are qb"),
        (["--fail-if", "sam>=high"], "is not a condition"),
        (["--fail-if", "beauty<1"], "'beauty' is not scored here; known are sam"),
        (["--fail-if", "gsa:sam<1", "--methods", "exp"], "no row is called 'gsa'; there are exp"),
        (["--reference", "x.tif"], "give one of"),
        (["--fused", "x.tif"], "--fused goes with"),
    ],
)
def test_requests_that_make_no_sense(scene: Scene, arguments: list[str], message: str) -> None:
    assert message in refusal(evaluate("--reduced-res", scene.pan, scene.ms, *arguments), 2)


def test_a_source_is_needed(scene: Scene) -> None:
    assert "give one of" in refusal(evaluate(), 2)
    assert "--reference needs the products" in refusal(evaluate("--reference", scene.truth), 2)
    assert "no border cut" in refusal(
        evaluate("--full-res", scene.pan, scene.ms, "--crop", "21"), 2
    )
    only_given = evaluate("--fused", scene.truth, "--reference", scene.truth, "--methods", "exp")
    assert "only given products" in refusal(only_given, 2)
    assert "given twice" in refusal(
        evaluate("--fused", scene.truth, scene.truth, "--reference", scene.truth), 2
    )


def test_rasters_that_do_not_fit(scene: Scene, tmp_path: Path) -> None:
    three = product(
        scene,
        tmp_path / "three.tif",
        np.rint(scene.pair.truth[:3]).astype(np.uint16),
        names=scene.sensor.bands[:3],
    )
    assert "has 3 bands" in refusal(evaluate("--fused", three, "--reference", scene.truth), 3)
    assert "has 3 bands" in refusal(
        evaluate("--full-res", scene.pan, scene.ms, "--fused", three), 3
    )
    shifted = pan_transform(scene.sensor.pan_gsd) @ Affine.translation(0.4, 0)
    moved = product(scene, tmp_path / "moved.tif", transform=shifted)
    assert "is not on the grid of" in refusal(
        evaluate("--full-res", scene.pan, scene.ms, "--fused", moved), 3
    )
    assert "is not on the grid of" in refusal(
        evaluate("--fused", moved, "--reference", scene.truth), 3
    )
    small = product(
        scene, tmp_path / "small.tif", np.rint(scene.pair.truth[:, 32:, 32:]).astype(np.uint16)
    )
    assert "another part of the ground" in refusal(
        evaluate("--fused", small, "--reference", scene.truth), 3
    )
    elsewhere = product(scene, tmp_path / "zone.tif", crs="EPSG:32633")
    assert "CRS" in refusal(evaluate("--fused", elsewhere, "--reference", scene.truth), 3)
    assert "No such file" in refusal(
        evaluate("--fused", tmp_path / "no.tif", "--reference", scene.truth), 3
    )


def test_nothing_valid_and_too_small(
    scene: Scene, tmp_path: Path, scene_factory: SceneFactory
) -> None:
    empty = product(
        scene, tmp_path / "empty.tif", np.zeros_like(scene.pair.truth, dtype=np.uint16), nodata=0
    )
    assert "no valid pixel" in refusal(evaluate("--fused", empty, "--reference", scene.truth), 3)
    assert "nothing can be scored" in refusal(
        evaluate("--full-res", scene.pan, scene.ms, "--fused", empty), 3
    )
    tiny = scene_factory(size=128, offset=(0.0, 0.0), margin=0)
    line = refusal(evaluate("--reduced-res", tiny.pan, tiny.ms, "--methods", "exp"), 3)
    assert "smaller than the metrics' 32 x 32 block" in line
    assert "--crop" in line
    assert line.startswith(f"ssdiff: {tiny.ms}: ")
    with rasterio.open(tiny.pan) as pan:
        left, top, side = pan.bounds.left, pan.bounds.top, 24 * pan.res[0]
    bbox = f"{left},{top - side},{left + side},{top}"
    line = refusal(evaluate("--full-res", tiny.pan, tiny.ms, "--methods", "exp", "--bbox", bbox), 3)
    assert "smaller than Q2n's block of 32 x 32" in line
    assert str(tiny.pan) in line


def test_settings_of_a_model_that_is_not_asked_for(scene: Scene) -> None:
    for option in (("--model", "bgrn"), ("--steps", "2")):
        line = refusal(
            evaluate("--full-res", scene.pan, scene.ms, "--methods", "exp,gsa", *option), 2
        )
        assert "--model and --steps are for the method ssdiff" in line
        refusal(evaluate("--fused", scene.truth, "--reference", scene.truth, *option), 2)


def test_a_report_needs_its_folder(scene: Scene, tmp_path: Path) -> None:
    target = tmp_path / "no" / "report.html"
    assert "there is no folder" in refusal(
        evaluate("--fused", scene.truth, "--reference", scene.truth, "--report", target), 2
    )


def test_pictures_need_their_libraries_before_any_work(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "find_spec", lambda _name: None)
    target = tmp_path / "report.html"
    truth = ("--fused", scene.truth, "--reference", scene.truth)
    line = refusal(evaluate(*truth, "--report", target), 2)
    assert "pip install 'ssdiff-cli[report]'" in line
