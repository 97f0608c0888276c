"""``ssdiff sharpen`` from outside: files in, files out, what is said about them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from ssdiff_models import load_checkpoint, zoo
from ssdiff_models import sharpen as sharpen_arrays
from tests.cli.sharpening import Run, done, pixels, refused
from tests.scenes import Scene, SceneFactory

ALIGNED: dict[str, Any] = {"offset": (0.0, 0.0), "margin": 0}


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96)


def test_the_output_lies_on_the_pans_grid_with_the_mss_radiometry(run: Run, scene: Scene) -> None:
    path = done(run(scene))
    with rasterio.open(path) as out, rasterio.open(scene.pan) as pan, rasterio.open(scene.ms) as ms:
        assert (out.crs, out.transform, out.shape) == (pan.crs, pan.transform, pan.shape)
        assert out.count == ms.count == 4
        assert out.dtypes == ms.dtypes
        assert out.descriptions == ms.descriptions == ("blue", "green", "red", "nir")
        assert out.profile["compress"] == "deflate"
        tags = out.tags(ns="SSDIFF")
        assert (tags["MODEL"], tags["METHOD"], tags["PAN"], tags["STEPS"]) == (
            "tiny",
            "ssdiff",
            "pan.tif",
            "1",
        )
        assert not any(str(scene.pan.parent) in value for value in tags.values())
        means = out.read().mean((1, 2)), ms.read().mean((1, 2))
    assert np.allclose(*means, rtol=0.3)


def test_the_history_of_the_ms_goes_on(run: Run, scene: Scene) -> None:
    with rasterio.open(scene.ms, "r+") as ms:
        ms.update_tags(ns="SSDIFF", HISTORY="made by hand", STEPS="7")
    with rasterio.open(done(run(scene))) as out:
        before, own = out.tags(ns="SSDIFF")["HISTORY"].splitlines()
        assert out.tags(ns="SSDIFF")["STEPS"] == "1"
    assert before == "made by hand"
    assert own.endswith("sharpen: PAN pan.tif, MS ms.tif, model tiny")


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
    assert record["megapixels_per_second"] == pytest.approx(
        96**2 / 1e6 / record["seconds"], rel=0.01
    )
    assert record["peak_memory_bytes"] > 50 * 2**20


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_arrays_in_memory_give_the_commands_pixels(
    run: Run, scene_factory: SceneFactory, tiny: Path, dtype: str
) -> None:
    scene = scene_factory(size=96, dtype=dtype, **ALIGNED)
    pan, ms = pixels(scene.pan)[0], pixels(scene.ms)
    found = pixels(done(run(scene, "--precision", "fp32")))
    assert np.array_equal(found, sharpen_arrays(pan, ms, load_checkpoint(tiny)))


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
    options = [
        ("--steps", "3"),
        ("--steps", "3", "--sampler", "dpmpp"),
        ("--steps", "3", "--seed", "1"),
        ("--tile", "24"),
        ("--samples", "2"),
    ]
    images = [base, *(pixels(done(run(scene, *option, "--overwrite"))) for option in options)]
    assert len({image.tobytes() for image in images}) == len(images)
    assert np.array_equal(
        pixels(done(run(scene, "--seed", "1", "--steps", "1", "--overwrite"))), base
    )


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


def test_a_dry_run_tells_the_plan_and_writes_nothing(
    run: Run, scene: Scene, tmp_path: Path
) -> None:
    result = run(scene, "--dry-run", "--json")
    record = json.loads(result.stdout)
    assert (record["width"], record["height"], record["tiles"], record["model"]) == (
        96,
        96,
        4,
        "tiny",
    )
    assert record["uncompressed_bytes"] == 96 * 96 * 4 * 2
    assert "width: 96" in run(scene, "--dry-run").stdout.splitlines()
    assert list(tmp_path.glob("out*")) == []


def test_interpolation_needs_no_model(run: Run, scene: Scene) -> None:
    record = json.loads(run(scene, "--method", "exp", "--json").stdout)
    assert (record["model"], record["method"], record["steps"]) == (None, "exp", None)
    truth, out = scene.pair.truth.astype(float), pixels(record["output"]).astype(float)
    assert out.shape == truth.shape
    # In place: shifted by a pixel it is further from the truth.
    inner, moved = (
        (slice(None), slice(8, -8), slice(8, -8)),
        (slice(None), slice(9, -7), slice(8, -8)),
    )
    assert np.abs(out[inner] - truth[inner]).mean() < np.abs(out[moved] - truth[inner]).mean()
    assert "leave --model out" in refused(
        run(scene, "--method", "exp", "--model", "tiny", "--overwrite"), 2
    )


def test_an_unknown_method_lists_the_known_ones(run: Run, scene: Scene) -> None:
    line = refused(run(scene, "--method", "magic"), 2)
    assert "magic" in line
    assert "exp" in line


@pytest.fixture
def shelf(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny model is the one that is shipped."""
    monkeypatch.setattr(zoo, "WEIGHTS", tiny.parent)
    zoo.shipped.cache_clear()
    yield
    zoo.shipped.cache_clear()


def test_the_model_is_chosen_for_the_scene(shelf: None, run: Run, scene: Scene) -> None:
    assert json.loads(run(scene, "--json", model="").stdout)["model"] == "tiny"


def test_less_sharpness_is_softer_and_is_told(run: Run, scene: Scene) -> None:
    def energy(path: Path) -> float:
        image = pixels(path).astype(float)
        return float(sum((band - gaussian_filter(band, 1)).std() for band in image))

    crisp = energy(done(run(scene, "--sharpness", "1.5")))
    soft = done(run(scene, "--sharpness", "0.2", "--overwrite"))
    assert energy(soft) < crisp
    with rasterio.open(soft) as file:
        assert file.tags(ns="SSDIFF")["SHARPNESS"] == "0.2"
    assert "--sharpness" in refused(run(scene, "--sharpness", "2.5"), 2)
    classical = run(scene, "--sharpness", "0.5", "--method", "gsa", "--overwrite")
    assert "--sharpness" in refused(classical, 2)


def test_a_scene_that_no_model_is_for_is_told_what_would_do(
    shelf: None, run: Run, scene_factory: SceneFactory
) -> None:
    result = run(scene_factory(size=64, ratio=2), model="")
    assert done(result).exists()
    assert "model tiny is for 4 x 4" in result.stderr
    assert "--method bt-h" in result.stderr
