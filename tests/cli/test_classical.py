"""``ssdiff sharpen --method`` with the classical methods: files in, files out."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import from_bounds
from typer.testing import CliRunner, Result

from ssdiff_cli.app import app
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
