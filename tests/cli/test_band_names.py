"""Bands are matched by their names, whatever their order in the file."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from tests.cli.calls import ssdiff
from tests.cli.eval_calls import product, scores
from tests.cli.sharpening import Run, done, pixels, refused, rewrite
from tests.scenes import Scene, SceneFactory

OTHER = [2, 3, 0, 1]
"""Red, near infrared, blue, green."""


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory()


def reordered(scene: Scene, path: Path) -> Path:
    with rasterio.open(scene.ms) as file:
        header = GeoTiff(
            transform=file.transform,
            crs=str(file.crs),
            names=tuple(file.descriptions[band] for band in OTHER),
        )
        write_geotiff(path, file.read()[OTHER], header)
    return path


def warnings(scene: Scene, ms: Path, out: Path, *options: str | Path) -> str:
    result = ssdiff("sharpen", "-j", 1, scene.pan, ms, "-o", out, "--overwrite", *options)
    assert done(result).exists()
    return result.stderr


@pytest.mark.parametrize(
    "method",
    [("--samples", "2"), *(("--method", name) for name in ("bt-h", "mtf-glp-hpm-h", "mtf-glp"))],
)
def test_the_order_in_the_file_changes_no_pixel(
    scene: Scene, tiny: Path, tmp_path: Path, method: tuple[str, ...]
) -> None:
    options = (*method, "--sensor", "qb")
    if "--method" not in method:
        options = (*options, "--model", str(tiny))
    usual, other = tmp_path / "usual.tif", tmp_path / "other.tif"
    warnings(scene, scene.ms, usual, *options)
    warnings(scene, reordered(scene, tmp_path / "ms.tif"), other, *options)
    # Sums over bands in another order round otherwise.
    difference = pixels(usual)[OTHER].astype(int) - pixels(other)
    assert np.abs(difference).max() <= 1


def test_unnamed_bands_are_guessed_aloud(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    nameless = rewrite(scene.ms, tmp_path / "ms.tif", photometric="minisblack", alpha="no")
    out = tmp_path / "out.tif"
    guess = "takes band 1 (no name) for blue, 2 (no name) for green, 3 (no name) for red"
    assert guess in warnings(scene, nameless, out, "--model", tiny)
    assert guess in warnings(scene, nameless, out, "--method", "bt-h")
    assert "MTF of QuickBird" in warnings(
        scene, nameless, out, "--method", "mtf-glp", "--sensor", "qb"
    )
    named = ("--band-names", "blue, green, Red,nir")
    assert "no name" not in warnings(scene, nameless, out, "--model", tiny, *named)
    assert "no name" not in warnings(scene, scene.ms, out, "--model", tiny)


def test_names_of_the_option_win(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    nameless = rewrite(
        reordered(scene, tmp_path / "ms.tif"),
        tmp_path / "nameless.tif",
        photometric="minisblack",
        alpha="no",
    )
    usual, other = tmp_path / "usual.tif", tmp_path / "other.tif"
    warnings(scene, scene.ms, usual, "--model", tiny)
    warnings(scene, nameless, other, "--model", tiny, "--band-names", "red,nir,blue,green")
    assert np.abs(pixels(usual)[OTHER].astype(int) - pixels(other)).max() <= 1


def test_bands_of_another_kind_are_named(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    names = ("--band-names", "coastal,green,red,nir")
    out = tmp_path / "out.tif"
    assert "1 (coastal) for blue" in warnings(scene, scene.ms, out, "--model", tiny, *names)


def test_fewer_unnamed_bands_than_the_model_has_are_refused(
    scene_factory: SceneFactory, run: Run, tmp_path: Path
) -> None:
    scene = scene_factory(bands=("green", "red", "nir"))
    nameless = rewrite(scene.ms, tmp_path / "ms.tif", photometric="minisblack")
    words = ("sharpen", scene.pan, nameless, "-o", tmp_path / "out.tif")
    line = refused(ssdiff(*words), 3)
    assert "3 bands (no name, no name, no name)" in line
    assert "--band-names" in line
    assert run(scene).exit_code == 0


def test_as_many_names_as_bands(scene: Scene, run: Run) -> None:
    line = refused(run(scene, "--band-names", "red,green"), 2)
    assert "2 names for the 4 bands" in line
    assert "a name of its own" in refused(run(scene, "--band-names", "red,red,blue,nir"), 2)


def test_products_are_compared_band_by_band(scene: Scene, tmp_path: Path) -> None:
    usual = product(scene, tmp_path / "usual.tif")
    names = tuple(scene.sensor.bands[band] for band in OTHER)
    other = product(scene, tmp_path / "other.tif", pixels(usual)[OTHER], names=names)
    figures = scores(
        "--reference", scene.truth, "--fused", usual, "--fused", other, "--sensor", "qb"
    )["methods"]
    assert figures["other"] == figures["usual"]
    figures = scores(
        *("--full-res", scene.pan, scene.ms, "--methods", "exp"),
        *("--fused", usual, "--fused", other),
    )["methods"]
    assert figures["other"] == figures["usual"]


def test_products_of_other_bands_are_refused(scene: Scene, tmp_path: Path) -> None:
    names = ("blue", "green", "red", "swir1")
    other = product(scene, tmp_path / "other.tif", names=names)
    words = ("eval", "--full-res", scene.pan, scene.ms, "--methods", "exp", "--fused", other)
    assert "blue, green, red, swir1" in refused(ssdiff(*words), 3)


def test_an_adapted_model_keeps_the_order_of_its_bands(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    usual, other = tmp_path / "usual.safetensors", tmp_path / "other.safetensors"
    options = ("--model", tiny, "--steps", 0, "--sensor", "qb", "-j", 1)
    shuffled = reordered(scene, tmp_path / "ms.tif")
    for ms, model in ((scene.ms, usual), (shuffled, other)):
        assert ssdiff("adapt", scene.pan, ms, "-o", model, *options).exit_code == 0
    images = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for model, image in zip((usual, other), images, strict=True):
        warnings(scene, scene.ms, image, "--model", model)
    first, second = (pixels(image).astype(int) for image in images)
    assert np.abs(first - second).max() <= 1
