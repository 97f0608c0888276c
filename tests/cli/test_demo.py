"""`python -m ssdiff_cli.demo`: the table and the picture at the end of `make demo`."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from typer.testing import CliRunner, Result

from ssdiff_cli.demo import app
from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from tests.scenes import Scene, SceneFactory


def show(scene: Scene, fused: Path, png: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(
        app, ["show", *map(str, (scene.pan, scene.ms, fused, "--png", png, *words))]
    )


def read_picture(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            assert file.driver == "PNG"
            return np.asarray(file.read())


def scores(done: Result) -> dict[str, list[float]]:
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["SAM", "ERGAS", "PSNR"]
    return {line[0]: [float(value) for value in line[1:]] for line in lines[1:3]}


def test_the_truth_itself_is_perfect_and_interpolation_is_not(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory()
    done = show(scene, scene.truth, tmp_path / "q.png", "--truth", scene.truth)
    assert done.exit_code == 0, done.stderr
    found = scores(done)
    assert found["result"] == [0, 0, np.inf]
    sam, ergas, psnr = found["EXP"]
    assert 1 < sam < 10
    assert 1 < ergas < 10
    assert 20 < psnr < 40
    assert done.stdout.splitlines()[-1] == str(tmp_path / "q.png")


def test_the_picture_shows_pan_ms_and_result_with_a_zoom(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=192)
    done = show(scene, scene.truth, tmp_path / "q.png")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'q.png'}\n")
    picture = read_picture(tmp_path / "q.png")
    assert picture.shape == (3, 2 * 480 + 6, 3 * 480 + 2 * 6)
    pan, ms, result = (
        picture[:, 486:, start : start + 480].astype(float) for start in (0, 486, 972)
    )
    assert np.array_equal(pan[0], pan[1])
    assert not np.array_equal(result[0], result[1])
    # The MS is shown as it comes: flat squares; the result has detail inside of them, and the same colours.
    fine = [np.abs(np.diff(image, axis=2)).mean() for image in (ms, result)]
    assert fine[1] > 1.3 * fine[0]
    assert np.abs(ms.mean((1, 2)) - result.mean((1, 2))).max() < 8


def test_a_result_of_a_part_of_the_scene_is_put_in_its_place(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory()
    place = Affine(0.6, 0, 448000 + 24 * 0.6, 0, -0.6, 5412000 - 40 * 0.6)
    header = GeoTiff(transform=place, crs="EPSG:32631", names=scene.sensor.bands)
    write_geotiff(tmp_path / "part.tif", scene.pair.truth[:, 40:104, 24:104], header)
    done = show(scene, tmp_path / "part.tif", tmp_path / "q.png", "--truth", tmp_path / "part.tif")
    assert done.exit_code == 0, done.stderr
    assert 1 < scores(done)["EXP"][1] < 10


def test_files_of_different_scenes_are_refused(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene, other = scene_factory(), scene_factory(size=192)
    done = show(scene, other.truth, tmp_path / "q.png", "--truth", scene.truth)
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1)
    assert str(other.truth) in done.stderr
    assert not (tmp_path / "q.png").exists()
    done = show(scene, scene_factory(sensor="wv3").truth, tmp_path / "q.png")
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1)


def test_a_picture_that_cannot_be_written_is_an_error(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=64)
    done = show(scene, scene.truth, tmp_path / "nowhere" / "q.png")
    assert (done.exit_code, done.stderr.count("\n")) == (5, 1)
    assert "nowhere" in done.stderr
