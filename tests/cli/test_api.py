"""The commands as Python functions: the bytes, reports and words of the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssdiff_cli import check, evaluate, sharpen
from ssdiff_models.errors import InputError, ModelError, ThresholdError, UsageError
from tests.cli.calls import answer, save_tiny
from tests.cli.sharpening import pixels
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=144)


def test_sharpen_makes_what_the_command_makes(scene: Scene, tmp_path: Path) -> None:
    model = save_tiny(tmp_path)
    told: list[tuple[int, int, int]] = []
    report = sharpen(
        scene.pan,
        scene.ms,
        output=tmp_path / "api.tif",
        model=model,
        bidx=(3, 2, 1, 4),
        seed=3,
        nodata=7,
        co={"COMPRESS": "LZW"},
        threads=1,
        progress=lambda *state: told.append(state),
    )
    words = ("--model", model, "-b", "3,2,1,4", "--seed", 3, "--nodata", 7, "--co", "COMPRESS=LZW")
    found = answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "cli.tif", "-j", 1, *words)
    assert (tmp_path / "api.tif").read_bytes() == (tmp_path / "cli.tif").read_bytes()
    assert (report.model, report.seed, report.count) == (found["model"], 3, 4)
    assert told[-1][0] == told[-1][1] > 0


def test_several_files_are_positional(scene: Scene, tmp_path: Path) -> None:
    one, other = f"{scene.ms},band=3", f"{scene.ms},band=1"
    sharpen(scene.pan, one, other, output=tmp_path / "a.tif", method="gsa")
    sharpen(scene.pan, scene.ms, output=tmp_path / "b.tif", method="gsa", bidx="3,1")
    assert np.array_equal(pixels(tmp_path / "a.tif"), pixels(tmp_path / "b.tif"))


def test_check_and_evaluate_give_reports(scene: Scene, tmp_path: Path) -> None:
    assert check(scene.pan, scene.ms, method="gsa").record()["measured_ratio"] == pytest.approx(
        (4, 4)
    )
    sharpen(scene.pan, scene.ms, output=tmp_path / "out.tif", method="gsa")
    product: dict[str, Any] = {"reference": scene.truth, "fused": [tmp_path / "out.tif"]}
    found = evaluate(**product)
    told = answer("eval", "--fused", tmp_path / "out.tif", "--reference", scene.truth)
    assert found.means()["out"]["sam"] == pytest.approx(told["methods"]["out"]["sam"])
    with pytest.raises(ThresholdError, match="sam"):
        evaluate(**product, fail_if=["sam>0"])
    pair = evaluate(reduced=(scene.pan, scene.ms), methods=("exp", "gsa"), crop=0)
    assert set(pair.means()) == {"exp", "gsa"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stepps": 3}, UsageError, "stepps: no such option: known are .*steps"),
        ({"steps": "three"}, UsageError, "steps='three': give int"),
        ({"steps": True}, UsageError, "steps=True: give int"),
        ({"extent": "ms"}, UsageError, "extent='ms': choose among 'intersection', 'pan'"),
        ({"method": "gsa", "steps": 2}, UsageError, "--method gsa has no --steps"),
        ({"sensor": "sputnik"}, UsageError, "unknown sensor"),
        ({"bidx": (9,)}, InputError, "has 4 bands, not band 9"),
        ({"model": "none.safetensors"}, ModelError, "no model"),
    ],
)
def test_refusals_are_typed_and_leave_nothing(
    scene: Scene, tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        sharpen(scene.pan, scene.ms, output=tmp_path / "out.tif", **options)
    assert not list(tmp_path.glob("out*"))
