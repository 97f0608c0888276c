"""`ssdiff eval --quicklook`: PAN, MS and a product side by side."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from typer.testing import Result

from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from tests.cli.calls import answer, refusal, ssdiff
from tests.cli.eval_calls import evaluate
from tests.scenes import Scene, SceneFactory


def draw(scene: Scene, fused: Path, png: Path, *words: str | Path) -> Result:
    pair = ("--full-res", scene.pan, scene.ms, "--fused", fused)
    return evaluate(*pair, "--quicklook", png, *words)


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            assert file.driver == "PNG"
            return np.asarray(file.read())


def test_the_picture_shows_pan_ms_and_result_with_a_zoom(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=192)
    done = draw(scene, scene.truth, tmp_path / "q.png")
    assert done.exit_code == 0, done.output
    assert "HQNR" in done.stdout
    picture = read_picture(tmp_path / "q.png")
    assert picture.shape == (4, 980, 1440)
    lower = picture[:3, 520:960].astype(float)
    pan, ms, result = (lower[:, :, start + 60 : start + 420] for start in (0, 480, 960))
    assert np.array_equal(pan[0], pan[1])
    assert not np.array_equal(result[0], result[1])
    # The MS is shown as flat squares; the result has detail inside of them, and the same colours.
    fine = [np.abs(np.diff(image, axis=2)).mean() for image in (ms, result)]
    assert fine[1] > 1.3 * fine[0]
    assert np.abs(ms.mean((1, 2)) - result.mean((1, 2))).max() < 8


def test_a_result_of_a_part_of_the_scene_is_drawn_where_it_lies(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=192)
    corner = Affine(0.6, 0, 448000 + 24 * 0.6, 0, -0.6, 5412000 - 40 * 0.6)
    header = GeoTiff(transform=corner, crs="EPSG:32631", names=scene.sensor.bands)
    write_geotiff(tmp_path / "part.tif", scene.pair.truth[:, 40:168, 24:168], header)
    for name, fused in (("whole", scene.truth), ("part", tmp_path / "part.tif")):
        done = draw(scene, fused, tmp_path / f"{name}.png")
        assert done.exit_code == 0, done.output
    whole, part = (read_picture(tmp_path / f"{name}.png") for name in ("whole", "part"))
    # The result is the upper right image; its middle is the same in both, its border is empty.
    assert np.array_equal(whole[:, 200:300, 1150:1250], part[:, 200:300, 1150:1250])
    assert not np.array_equal(whole[:, :480, 970:], part[:, :480, 970:])


def test_files_that_are_there_are_replaced_only_if_asked(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=128)
    (tmp_path / "q.png").write_bytes(b"mine")
    assert "q.png" in refusal(draw(scene, scene.truth, tmp_path / "q.png"), 2)
    assert "nowhere" in refusal(draw(scene, scene.truth, tmp_path / "nowhere" / "q.png"), 2)
    assert draw(scene, scene.truth, tmp_path / "q.png", "--overwrite").exit_code == 0
    assert read_picture(tmp_path / "q.png").shape[0] == 4


def test_it_needs_a_pair_and_a_product(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=64)
    png = tmp_path / "q.png"
    truth = ("--fused", scene.truth, "--reference", scene.truth)
    assert "--quicklook" in refusal(evaluate(*truth, "--quicklook", png), 2)
    pair = ("--full-res", scene.pan, scene.ms, "--methods", "exp")
    assert "--quicklook" in refusal(evaluate(*pair, "--quicklook", png), 2)


def test_sharpen_draws_what_quicklook_draws(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=192)
    out, png = tmp_path / "o.tif", tmp_path / "o.png"
    words = ("sharpen", scene.pan, scene.ms, "--method", "gsa", "-o", out)
    assert ssdiff(*words, "--quicklook", png).exit_code == 0
    later = tmp_path / "later.png"
    assert answer("quicklook", scene.pan, scene.ms, out, "-o", later) == {"output": str(later)}
    assert png.read_bytes() == later.read_bytes()
    line = refusal(ssdiff(*words, "--overwrite", "--quicklook", tmp_path / "o.jpg"), 2)
    assert "name it FILE.png" in line
    assert "exists" in refusal(ssdiff("quicklook", scene.pan, scene.ms, out, "-o", png), 2)
    shard = ssdiff(*words, "--overwrite", "--shard", "1/2", "--quicklook", tmp_path / "s.png")
    assert "draw it after merge" in refusal(shard, 2)
