"""The uncertainty beside an output: its metadata, and a run that ends between the two final names."""

import errno
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.writing import sink
from ssdiff_models.errors import ResourceError, UsageError
from ssdiff_models.files import name_together
from tests.cli.calls import refusal, ssdiff
from tests.kills import KILLED, dying
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


def test_a_failure_between_the_two_names_leaves_neither(
    scene: Scene, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, made = job(scene, tiny, tmp_path / "whole.tif"), job(scene, tiny, tmp_path / "out.tif")
    sharpen(whole, quiet)
    rename = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if str(target) == made.uncertainty:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails)
        with pytest.raises(ResourceError, match="Input/output error"):
            sharpen(made, quiet)
    assert not any(Path(path).exists() for path in made.outputs)
    sharpen(made, quiet)
    for ours, expected in zip(made.outputs, whole.outputs, strict=True):
        assert Path(ours).read_bytes() == Path(expected).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "out.tif",
        "spread-out.tif",
        "spread-whole.tif",
        "whole.tif",
    ]


def test_a_kill_between_the_two_names_is_made_good(
    scene: Scene, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, made = job(scene, tiny, tmp_path / "whole.tif"), job(scene, tiny, tmp_path / "out.tif")
    sharpen(whole, quiet)
    assert made.uncertainty is not None
    with monkeypatch.context() as patch:
        patch.setattr(sink, "name_rasters", lambda files: dying(files[1][1], name_together, files))
        process = multiprocessing.get_context("fork").Process(target=sharpen, args=(made, quiet))
        process.start()
        process.join()
    assert process.exitcode == KILLED
    assert [Path(path).exists() for path in made.outputs] == [True, False]
    sharpen(made, quiet)
    for ours, expected in zip(made.outputs, whole.outputs, strict=True):
        assert Path(ours).read_bytes() == Path(expected).read_bytes()
    assert not list(tmp_path.glob("*.json"))


def test_an_uncertainty_of_another_run_stays(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    made = job(scene, tiny, tmp_path / "out.tif")
    assert made.uncertainty is not None
    Path(made.uncertainty).write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists; pass --overwrite"):
        sharpen(made, quiet)
    assert Path(made.uncertainty).read_bytes() == b"mine"


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
