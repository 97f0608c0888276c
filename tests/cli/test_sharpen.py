"""``ssdiff sharpen`` from outside: files in, files out, exit codes."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import torch
from typer.testing import CliRunner, Result

from ssdiff_cli import console
from ssdiff_cli.app import app
from ssdiff_models import load_checkpoint, zoo
from ssdiff_models import sharpen as sharpen_arrays
from ssdiff_models.checkpoint import save_checkpoint
from tests.models.tiny import model
from tests.scenes import Scene, SceneFactory

Pixels = npt.NDArray[Any]
ALIGNED: dict[str, Any] = {"offset": (0.0, 0.0), "margin": 0}


@pytest.fixture(autouse=True)
def default_verbosity() -> Iterator[None]:
    console.adjust_verbosity(0, 0)
    yield
    console.adjust_verbosity(0, 0)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four bands as a file."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(path, model(bands=("blue", "green", "red", "nir"), tile=48, residual_scale=5.0))
    return path


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96)


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Callable[..., Result]:
    """Sharpens a scene with the tiny model into ``out.tif``."""

    def sharpen(scene: Scene, *options: str | Path, output: str = "out.tif", model: str | Path = tiny) -> Result:
        chosen = () if "--method" in options or not model else ("--model", model)
        return ssdiff(scene.pan, scene.ms, "-o", tmp_path / output, *chosen, *options)

    return sharpen


Run = Callable[..., Result]


def ssdiff(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["sharpen", "-j", "1", *map(str, arguments)])


def done(result: Result) -> Path:
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip())


def refused(result: Result, code: int) -> str:
    """Returns the one line an error gets."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def pixels(path: str | Path) -> Pixels:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def rewrite(source: Path, target: Path, **changes: Any) -> Path:  # noqa: ANN401 - rasterio's own
    """Copies a raster with another profile; a CRS or transform of None is left out."""
    with rasterio.open(source) as file:
        profile, data = file.profile | changes, file.read()
    profile = {key: value for key, value in profile.items() if value is not None}
    count = changes.get("count", len(data))
    with rasterio.open(target, "w", **profile) as file:
        file.write(np.concatenate([data] * count)[:count])
    return target


def test_the_output_lies_on_the_pans_grid_with_the_mss_radiometry(run: Run, scene: Scene) -> None:
    path = done(run(scene))
    with rasterio.open(path) as out, rasterio.open(scene.pan) as pan, rasterio.open(scene.ms) as ms:
        assert (out.crs, out.transform, out.shape) == (pan.crs, pan.transform, pan.shape)
        assert out.count == ms.count == 4
        assert out.dtypes == ms.dtypes
        assert out.descriptions == ms.descriptions == ("blue", "green", "red", "nir")
        assert out.profile["compress"] == "deflate"
        tags = out.tags(ns="SSDIFF")
        assert (tags["MODEL"], tags["METHOD"], tags["PAN"], tags["STEPS"]) == ("tiny", "ssdiff", "pan.tif", "1")
        assert not any(str(scene.pan.parent) in value for value in tags.values())
        means = out.read().mean((1, 2)), ms.read().mean((1, 2))
    assert np.allclose(*means, rtol=0.3)


def test_stdout_is_the_path_and_nothing_else(run: Run, scene: Scene, tmp_path: Path) -> None:
    result = run(scene, "-q")
    assert result.stdout == f"{tmp_path / 'out.tif'}\n"
    assert result.stderr == ""
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.tif"]


def test_json_is_one_object_with_stable_keys(run: Run, scene: Scene, tmp_path: Path) -> None:
    result = run(scene, "--json", "--steps", "2", "--seed", "7")
    record = json.loads(result.stdout)
    expected = {
        "output": str(tmp_path / "out.tif"), "width": 96, "height": 96, "count": 4, "dtype": "uint16", "crs": "EPSG:32631",
        "model": "tiny", "method": "ssdiff", "steps": 2, "seed": 7, "warnings": [],
    }  # fmt: skip
    assert expected.items() <= record.items()
    assert record["seconds"] > 0
    assert record["megapixels_per_second"] == pytest.approx(96**2 / 1e6 / record["seconds"], rel=0.01)
    assert record["peak_memory_bytes"] > 50 * 2**20


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_arrays_in_memory_give_the_commands_pixels(run: Run, scene_factory: SceneFactory, tiny: Path, dtype: str) -> None:
    scene = scene_factory(size=96, dtype=dtype, **ALIGNED)
    pan, ms = pixels(scene.pan)[0], pixels(scene.ms)
    assert np.array_equal(pixels(done(run(scene))), sharpen_arrays(pan, ms, load_checkpoint(tiny)))


def test_the_number_of_threads_changes_no_byte(run: Run, scene: Scene) -> None:
    one, two = done(run(scene, "-j", "1")), done(run(scene, "-j", "2", output="two.tif"))
    assert one.read_bytes() == two.read_bytes()


def test_a_part_of_the_scene_has_the_pixels_of_the_whole(run: Run, scene: Scene) -> None:
    whole = pixels(done(run(scene)))
    with rasterio.open(scene.pan) as pan:
        left, top = pan.transform @ (21, 33)
        right, bottom = pan.transform @ (80, 90)
    part = done(run(scene, "--bbox", f"{left},{bottom},{right},{top}", output="part.tif"))
    with rasterio.open(part) as file:
        assert file.transform @ (0, 0) == pytest.approx((left, top))
    assert np.array_equal(pixels(part), whole[:, 33:90, 21:80])


def test_invalid_pixels_and_no_others_are_nodata(run: Run, scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=96, pan_nodata=0, ms_nodata=0, **ALIGNED)
    out = pixels(done(run(scene)))
    valid = scene.pan_valid & scene.ms_valid.repeat(4, 0).repeat(4, 1)
    assert not valid.all()
    assert ((out == 0) == ~valid).all()


def test_steps_samplers_seeds_and_tiles_count(run: Run, scene: Scene) -> None:
    base = pixels(done(run(scene)))
    options = [("--steps", "3"), ("--steps", "3", "--sampler", "dpmpp"), ("--seed", "1"), ("--tile", "24"), ("--samples", "2")]
    images = [base, *(pixels(done(run(scene, *option, "--overwrite"))) for option in options)]
    assert len({image.tobytes() for image in images}) == len(images)
    assert np.array_equal(pixels(done(run(scene, "--seed", "0", "--steps", "1", "--overwrite"))), base)


def test_uncertainty_is_the_spread_of_the_samples(run: Run, scene: Scene, tmp_path: Path) -> None:
    spread = tmp_path / "spread.tif"
    done(run(scene, "--samples", "3", "--uncertainty", spread))
    with rasterio.open(spread) as file, rasterio.open(scene.pan) as pan:
        assert (file.transform, file.shape, file.count) == (pan.transform, pan.shape, 4)
        assert set(file.dtypes) == {"float32"}
        values = file.read()
    assert values.min() >= 0
    assert values.mean() > 0
    assert "--samples 2" in refused(run(scene, "--uncertainty", spread, "--overwrite"), 2)


@pytest.mark.parametrize(
    ("sensor", "bands", "groups"),
    [("qb", ("blue", "green", "red"), "1,2,3,3"), ("wv3", None, "1,3,5,7; 2,4,6,8")],
)
def test_other_band_counts_run_in_groups_and_say_so(
    run: Run, scene_factory: SceneFactory, sensor: str, bands: tuple[str, ...] | None, groups: str
) -> None:
    scene = scene_factory(size=64, sensor=sensor, bands=bands)
    result = run(scene, "--json")
    (warning,) = json.loads(result.stdout)["warnings"]
    assert f"groups of bands ({groups})" in warning
    assert f"warning: {warning}" in result.stderr
    count = len(bands or scene.sensor.bands)
    with rasterio.open(scene.ms) as ms:
        source = ms.read()
    out = pixels(json.loads(result.stdout)["output"])
    assert out.shape == (count, 64, 64)
    assert np.allclose(out.mean((1, 2)), source.mean((1, 2)), rtol=0.35)
    assert run(scene, "-q", "--overwrite").stderr == ""


def test_bands_are_chosen_and_ordered(run: Run, scene: Scene) -> None:
    path = done(run(scene, "--bidx", "4,2"))
    with rasterio.open(path) as file:
        assert file.descriptions == ("nir", "green")
        assert file.count == 2
    assert "band numbers" in refused(run(scene, "--bidx", "a,2", "--overwrite"), 2)
    assert "1 to 4" in refused(run(scene, "--bidx", "5", "--overwrite"), 3)


def test_a_dry_run_tells_the_plan_and_writes_nothing(run: Run, scene: Scene, tmp_path: Path) -> None:
    result = run(scene, "--dry-run", "--json")
    record = json.loads(result.stdout)
    assert (record["width"], record["height"], record["tiles"], record["model"]) == (96, 96, 4, "tiny")
    assert record["uncompressed_bytes"] == 96 * 96 * 4 * 2
    assert "width: 96" in run(scene, "--dry-run").stdout.splitlines()
    assert list(tmp_path.glob("out*")) == []


def test_interpolation_needs_no_model(run: Run, scene: Scene) -> None:
    record = json.loads(run(scene, "--method", "exp", "--json").stdout)
    assert (record["model"], record["method"], record["steps"]) == (None, "exp", None)
    truth, out = scene.pair.truth.astype(float), pixels(record["output"]).astype(float)
    assert out.shape == truth.shape
    # In place: shifted by a pixel it is further from the truth.
    inner, moved = (slice(None), slice(8, -8), slice(8, -8)), (slice(None), slice(9, -7), slice(8, -8))
    assert np.abs(out[inner] - truth[inner]).mean() < np.abs(out[moved] - truth[inner]).mean()
    assert "leave --model out" in refused(run(scene, "--method", "exp", "--model", "tiny", "--overwrite"), 2)


def test_an_unknown_method_lists_the_known_ones(run: Run, scene: Scene) -> None:
    line = refused(run(scene, "--method", "magic"), 2)
    assert "magic" in line
    assert "exp" in line


@pytest.fixture
def shelf(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny model is the one that is shipped."""
    monkeypatch.setattr(zoo, "FOLDER", tiny.parent)
    zoo.shipped.cache_clear()
    yield
    zoo.shipped.cache_clear()


def test_the_model_is_chosen_for_the_scene(shelf: None, run: Run, scene: Scene) -> None:
    assert json.loads(run(scene, "--json", model="").stdout)["model"] == "tiny"


def test_a_scene_that_no_model_serves_is_told_what_would(shelf: None, run: Run, scene_factory: SceneFactory) -> None:
    line = refused(run(scene_factory(size=64, ratio=2), model=""), 4)
    assert "ratio 2" in line
    assert "tiny (4 bands, ratio 4)" in line
    assert "--method" in line


# Bad input: one line, the right code, nothing under the final name.


def nothing_left(folder: Path) -> bool:
    return not [path for path in folder.glob("out*") if path.suffix == ".tif"]


def test_a_missing_file(run: Run, scene: Scene, tmp_path: Path) -> None:
    scene.ms.unlink()
    assert str(scene.ms) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_a_file_that_is_no_raster(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    path.write_text("no raster")
    assert str(path) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_a_truncated_file(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert str(path) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


def test_a_pan_of_several_bands(run: Run, scene: Scene, tmp_path: Path) -> None:
    rewrite(scene.pan, scene.pan.with_name("rgb.tif"), count=3).replace(scene.pan)
    line = refused(run(scene), 3)
    assert "has 3 bands" in line
    assert "--pan-bidx" in line
    assert nothing_left(tmp_path)
    assert run(scene, "--pan-bidx", "2").exit_code == 0


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_no_crs_on_one_side(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    rewrite(path, path.with_name("bare.tif"), crs=None).replace(path)
    line = refused(run(scene), 3)
    assert f"{path}: has no CRS" in line
    assert "--assume-same-crs" in line
    assert nothing_left(tmp_path)
    assert run(scene, "--assume-same-crs").exit_code == 0


def test_no_overlap(run: Run, scene: Scene, tmp_path: Path) -> None:
    with rasterio.open(scene.ms) as file:
        away = file.transform @ rasterio.Affine.translation(5000, 0)
    rewrite(scene.ms, scene.ms.with_name("far.tif"), transform=away).replace(scene.ms)
    assert "do not overlap" in refused(run(scene), 3)
    assert nothing_left(tmp_path)


def test_a_ratio_out_of_reach(run: Run, scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=64, ratio=2)
    line = refused(run(scene), 3)
    assert "2 x 2 PAN pixels" in line
    assert "ratio 4" in line
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "foreign"])
def test_a_model_that_is_none(run: Run, scene: Scene, tiny: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "broken.safetensors"
    if kind == "foreign":
        torch.save({"weight": torch.zeros(3)}, path)
    elif kind != "missing":
        path.write_bytes(tiny.read_bytes()[:4000] if kind == "truncated" else b"no weights")
    assert str(path) in refused(run(scene, model=path), 4)
    assert nothing_left(tmp_path)


def test_an_existing_output(run: Run, scene: Scene, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    output.write_text("precious")
    line = refused(run(scene), 2)
    assert str(output) in line
    assert "--overwrite" in line
    assert output.read_text() == "precious"
    # A run that fails leaves what it was to replace.
    scene.pan.write_bytes(scene.pan.read_bytes()[: scene.pan.stat().st_size * 2 // 3])
    refused(run(scene, "--overwrite"), 3)
    assert output.read_text() == "precious"


def test_an_output_that_is_an_input(run: Run, scene: Scene) -> None:
    before = scene.ms.read_bytes()
    assert "also an input" in refused(run(scene, "--overwrite", output=str(scene.ms)), 2)
    assert scene.ms.read_bytes() == before


def test_folders_that_cannot_be_written(run: Run, scene: Scene, tmp_path: Path) -> None:
    assert "there is no folder" in refused(run(scene, output="absent/out.tif"), 2)
    assert "is a folder" in refused(run(scene, output="."), 2)
    # Nobody, root included, makes files there.
    result = run(scene, output="/proc/out.tif")
    assert "/proc/out.tif" in refused(result, result.exit_code)
    assert result.exit_code in {2, 5}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tile", "20"), "20"),
        (("--overlap", "100"), "100"),
        (("--steps", "2000"), "2000"),
        (("--sensor", "sputnik"), "sputnik"),
        (("--device", "abacus"), "abacus"),
        (("--bbox", "1,2,3"), "four numbers"),
        (("--dtype", "int7"), "int7"),
        (("--co", "COMPRESS"), "NAME=VALUE"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(run: Run, scene: Scene, tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    assert told in refused(run(scene, *options), 2)
    assert nothing_left(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(run: Run, scene: Scene, tmp_path: Path) -> None:
    assert "choose --device cpu" in refused(run(scene, "--device", "cuda"), 5)
    assert nothing_left(tmp_path)


def start(scene: Scene, output: Path, *options: str | Path, limit: int | None = None) -> "subprocess.Popen[str]":
    """Starts the command as a process of its own."""
    command = [sys.executable, "-m", "ssdiff_cli", "sharpen", scene.pan, scene.ms, "-o", output, "-j", "1", *options]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'models'}", "OMP_NUM_THREADS": "1"},
        preexec_fn=partial(_prepare, limit),  # noqa: PLW1509
    )


def _prepare(limit: int | None) -> None:
    """What a terminal gives a process: background jobs of a shell ignore interrupts, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def test_a_full_disk(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    # A limit on the size of files stands for it: the write fails in the same place.
    process = start(scene, tmp_path / "out.tif", "--model", tiny, limit=20_000)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 5, stderr
    assert stdout == ""
    (line,) = stderr.splitlines()
    assert "out.tif" in line
    assert "make room" in line
    assert nothing_left(tmp_path)


def test_an_interrupted_run(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    process = start(scene, tmp_path / "out.tif", "--model", tiny, "--steps", "1000")
    deadline = time.monotonic() + 120
    while not (tmp_path / "out.tif.part").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    # The tiles at work have 1000 steps before them.
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert [line for line in stderr.splitlines() if line] == ["ssdiff: interrupted"]
    assert nothing_left(tmp_path)
