"""``ssdiff sharpen --method`` with the classical methods: files in, files out."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import from_bounds
from scipy.ndimage import gaussian_filter, map_coordinates
from typer.testing import CliRunner, Result

from ssdiff_cli.app import app
from ssdiff_cli.rasters.reading.pair_geometry import PairGeometry
from ssdiff_models.classical import METHODS
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96, offset=(0.0, 0.0), margin=0)


def sharpen(scene: Scene, output: Path, *options: str) -> Result:
    return CliRunner().invoke(
        app, ["sharpen", str(scene.pan), str(scene.ms), "-o", str(output), "-q", *options]
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_an_image_like_the_ms(scene: Scene, tmp_path: Path, method: str) -> None:
    result = sharpen(scene, tmp_path / "out.tif", "--method", method)
    assert result.exit_code == 0, result.output
    with (
        rasterio.open(tmp_path / "out.tif") as fused,
        rasterio.open(scene.ms) as ms,
        rasterio.open(scene.pan) as pan,
    ):
        assert (fused.shape, fused.count, fused.transform) == (pan.shape, ms.count, pan.transform)
        assert fused.read().mean((1, 2)) == pytest.approx(ms.read().mean((1, 2)), rel=0.05)


def of_ratio(scene: Scene, ratio: float) -> None:
    """Makes the MS of the truth: a Gaussian of 0.3 at Nyquist, sampled at pixels of any size."""
    with rasterio.open(scene.truth) as file:
        truth, profile = file.read().astype(float), file.profile
    sigma = ratio * np.sqrt(-2 * np.log(0.3)) / np.pi
    count = int(len(truth[0]) / ratio)
    centres = (np.arange(count) + 0.5) * ratio - 0.5
    places = np.meshgrid(centres, centres, indexing="ij")
    blurred = [gaussian_filter(band, sigma, mode="mirror") for band in truth]
    ms = np.stack([map_coordinates(band, places, mode="mirror") for band in blurred])
    shape = {"width": count, "height": count}
    shape["transform"] = profile["transform"] @ Affine.scale(ratio)
    with rasterio.open(scene.ms, "w", **profile | shape) as file:
        file.write(np.rint(ms).astype("uint16"))


def error(output: Path, scene: Scene) -> float:
    """Root mean square difference from the truth over the mean, away from the border."""
    inner = (slice(None), slice(24, -48), slice(24, -48))
    with rasterio.open(output) as fused, rasterio.open(scene.truth) as truth:
        wanted = truth.read().astype(float)[:, : fused.height, : fused.width][inner]
        return float(np.sqrt(np.square(fused.read()[inner] - wanted).mean()) / wanted.mean())


@pytest.mark.parametrize("ratio", [1.5, 2.76, 3, 6, 7.5, 16])
@pytest.mark.parametrize("method", ["gsa", "bt-h", "mtf-glp-fs", "bdsd-pc", "awlp", "pracs"])
def test_any_ratio_is_sharpened(
    scene_factory: SceneFactory, tmp_path: Path, ratio: float, method: str
) -> None:
    scene = scene_factory(size=240)
    of_ratio(scene, ratio)
    assert sharpen(scene, tmp_path / "exp.tif", "--method", "exp").exit_code == 0
    result = sharpen(scene, tmp_path / "out.tif", "--method", method)
    assert result.exit_code == 0, result.output
    assert error(tmp_path / "out.tif", scene) < 0.9 * error(tmp_path / "exp.tif", scene)


def test_filters_are_those_of_the_exact_ratio(
    scene_factory: SceneFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_factory(size=240)
    of_ratio(scene, 2.76)
    assert sharpen(scene, tmp_path / "exact.tif", "--method", "mtf-glp-fs").exit_code == 0
    monkeypatch.setattr(PairGeometry, "pitch", None)
    assert sharpen(scene, tmp_path / "grid.tif", "--method", "mtf-glp-fs").exit_code == 0
    assert error(tmp_path / "exact.tif", scene) < 0.95 * error(tmp_path / "grid.tif", scene)


@pytest.mark.parametrize("method", ["brovey", "gsa", "mtf-glp-hpm", "bt-h"])
def test_polygons_and_boxes_give_the_pixels_of_the_whole_scene(
    scene: Scene, tmp_path: Path, method: str
) -> None:
    assert sharpen(scene, tmp_path / "whole.tif", "--method", method).exit_code == 0
    with rasterio.open(scene.pan) as pan:
        left, bottom, right, top = pan.bounds
        name = pan.crs.to_string()
    width, height = right - left, top - bottom
    ring = [
        [left + x * width, bottom + y * height]
        for x, y in ((0.2, 0.2), (0.8, 0.3), (0.6, 0.9), (0.2, 0.2))
    ]
    member = {"type": "name", "properties": {"name": name}}
    (tmp_path / "aoi.json").write_text(
        json.dumps({"type": "Polygon", "crs": member, "coordinates": [ring]})
    )
    box = ",".join(
        str(value)
        for value in (
            left + 0.3 * width,
            bottom + 0.3 * height,
            left + 0.7 * width,
            bottom + 0.6 * height,
        )
    )
    for output, options in (
        ("aoi.tif", ("--aoi", str(tmp_path / "aoi.json"))),
        ("box.tif", ("--bbox", box)),
    ):
        result = sharpen(scene, tmp_path / output, "--method", method, *options)
        assert result.exit_code == 0, result.output
        with (
            rasterio.open(tmp_path / output) as part,
            rasterio.open(tmp_path / "whole.tif") as whole,
        ):
            window = (
                from_bounds(*part.bounds, transform=whole.transform).round_offsets().round_lengths()
            )
            pixels = part.read(masked=True)
            assert pixels.count() > 1000
            assert np.ma.allequal(pixels, whole.read(window=window))


def test_an_unknown_method_is_refused_with_the_known_ones(scene: Scene, tmp_path: Path) -> None:
    result = sharpen(scene, tmp_path / "out.tif", "--method", "ihs")
    assert result.exit_code == 2
    assert not (tmp_path / "out.tif").exists()
