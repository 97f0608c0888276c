"""The uncertainty beside an output: its metadata, and a run that ends between the two final names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.writing import sink
from ssdiff_cli.rasters.writing.finish import name_output
from ssdiff_models.errors import UsageError
from tests.cli.calls import refusal, ssdiff
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128)


def job(scene: Scene, tiny: Path, output: Path, *, seed: int = 0) -> SharpenJob:
    return SharpenJob(
        pan=str(scene.pan),
        ms=str(scene.ms),
        output=str(output),
        uncertainty=str(output.with_name(f"spread-{output.name}")),
        model=str(tiny),
        fusion=FusionOptions(samples=2, seed=seed),
    )


def quiet(done: int, total: int, pixels: int) -> None:
    """Nobody watches."""


def broken_off(made: SharpenJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs until the uncertainty has its name and the output is about to get its own."""

    def place(part: Path, output: str, *options: Any) -> None:
        if output == made.output:
            raise KeyboardInterrupt
        name_output(part, output, *options)

    with monkeypatch.context() as patch:
        patch.setattr(sink, "name_output", place)
        with pytest.raises(KeyboardInterrupt):
            sharpen(made, quiet)


def test_a_run_that_ends_between_the_two_names_continues(
    scene: Scene, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, made = job(scene, tiny, tmp_path / "whole.tif"), job(scene, tiny, tmp_path / "out.tif")
    sharpen(whole, quiet)
    broken_off(made, monkeypatch)
    assert not Path(made.output).exists()
    assert made.uncertainty is not None
    assert whole.uncertainty is not None
    assert Path(made.uncertainty).exists()
    with pytest.raises(UsageError, match="exists, and comes from another run"):
        sharpen(job(scene, tiny, tmp_path / "out.tif", seed=1), quiet)
    sharpen(made, quiet)
    assert Path(made.output).read_bytes() == Path(whole.output).read_bytes()
    assert Path(made.uncertainty).read_bytes() == Path(whole.uncertainty).read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.tif*")) == [
        "out.tif",
        "spread-out.tif",
        "spread-whole.tif",
        "whole.tif",
    ]


def test_an_uncertainty_of_another_run_stays(
    scene: Scene, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = job(scene, tiny, tmp_path / "out.tif")
    broken_off(made, monkeypatch)
    assert made.uncertainty is not None
    Path(made.uncertainty).write_bytes(scene.pan.read_bytes())
    with pytest.raises(UsageError, match="exists, and comes from another run"):
        sharpen(made, quiet)
    assert Path(made.uncertainty).read_bytes() == scene.pan.read_bytes()


def test_a_deviation_takes_the_scale_and_not_the_offset(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    with rasterio.open(scene.ms, "r+") as file:
        file.scales, file.offsets = (1e-4,) * file.count, (-0.01,) * file.count
    made = job(scene, tiny, tmp_path / "out.tif")
    sharpen(made, quiet)
    with rasterio.open(made.output) as file:
        assert file.offsets == pytest.approx([-0.01] * 4)
    with rasterio.open(made.uncertainty) as file:
        assert file.scales == pytest.approx([1e-4] * 4)
        assert file.offsets == (0.0,) * 4
        assert np.nanmin(file.read()) >= 0


def test_one_file_cannot_be_both_whatever_its_spelling(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tif"
    again = tmp_path / "scenes" / ".." / "out.tif"
    words = (
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        output,
        "--model",
        tiny,
        "--samples",
        2,
        "--uncertainty",
        again,
    )
    assert "is also another output" in refusal(ssdiff(*words), 2)


@pytest.mark.parametrize(
    "option", [("--steps", 3), ("--samples", 3), ("--tile", 64), ("--stats", "any.json")]
)
def test_check_refuses_what_sharpen_refuses(
    option: tuple[str, object], scene: Scene, tmp_path: Path
) -> None:
    words = [str(word) for word in (scene.pan, scene.ms, "--method", "gsa", *option)]
    lines = [
        refusal(ssdiff("check", *words), 2),
        refusal(ssdiff("sharpen", *words, "-o", tmp_path / "out.tif"), 2),
    ]
    assert lines[0] == lines[1]
