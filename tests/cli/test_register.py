"""PAN and MS that do not fit: found, said, and on request corrected."""

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tests.cli.calls import answer, refusal, ssdiff
from tests.scenes import Scene, SceneFactory

ACCURACY = 0.05
"""PAN pixels that are left after registering, as promised."""
OFF = (1.3, -0.7)
"""Rows and columns in PAN pixels by which the MS of `displaced` must be moved."""


def displace(scene: Scene, rows: float, cols: float) -> None:
    """Makes the MS's georeferencing wrong, so that the MS must be moved by that many PAN pixels to fit."""
    ratio = scene.sensor.ratio
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.translation(-cols / ratio, -rows / ratio)


@pytest.fixture
def displaced(scene_factory: SceneFactory) -> Scene:
    scene = scene_factory(size=384)
    displace(scene, *OFF)
    return scene


def test_a_shift_is_a_warning_with_the_number(displaced: Scene) -> None:
    found = answer("check", displaced.pan, displaced.ms, "--method", "exp")
    (warning,) = found["warnings"]
    assert not found["shift"]["corrected"]
    assert str(displaced.ms) in warning
    rows, cols = (float(number) for number in re.findall(r"[+-]\d+\.\d+", warning))
    assert abs(rows - OFF[0]) < 2 * ACCURACY
    assert abs(cols - OFF[1]) < 2 * ACCURACY
    assert "--register" in warning


def test_a_pair_that_fits_gets_no_warning(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384)
    assert answer("check", scene.pan, scene.ms, "--method", "exp")["warnings"] == []


def test_registering_moves_the_ms_to_where_it_belongs(displaced: Scene, scene_factory: SceneFactory, tmp_path: Path) -> None:
    report = answer("sharpen", displaced.pan, displaced.ms, "-o", tmp_path / "out.tif", "--method", "exp", "--register")
    assert report["warnings"] == []
    assert np.abs(np.subtract(report["shift"], OFF)).max() < ACCURACY
    fits = scene_factory(size=384)
    assert answer("sharpen", fits.pan, fits.ms, "-o", tmp_path / "true.tif", "--method", "exp")["shift"] is None
    with rasterio.open(tmp_path / "out.tif") as moved, rasterio.open(tmp_path / "true.tif") as true:
        assert "REGISTRATION" in moved.tags(ns="SSDIFF")
        assert "REGISTRATION" not in true.tags(ns="SSDIFF")
        difference = (moved.read().astype(float) - true.read())[:, 16:-16, 16:-16]
        assert np.abs(difference).mean() < 0.02 * true.read().mean()


def test_an_area_of_interest_is_registered_like_the_whole(displaced: Scene, tmp_path: Path) -> None:
    with rasterio.open(displaced.pan) as file:
        left, top = file.transform @ (100, 100)
        right, bottom = file.transform @ (200, 180)
    common = (displaced.pan, displaced.ms, "--method", "exp", "--register", "-o")
    whole = answer("sharpen", *common, tmp_path / "whole.tif")
    cut = answer("sharpen", *common, tmp_path / "cut.tif", f"--bbox={left},{bottom},{right},{top}")
    assert cut["shift"] == whole["shift"]
    with rasterio.open(tmp_path / "whole.tif") as full, rasterio.open(tmp_path / "cut.tif") as piece:
        assert np.array_equal(full.read()[:, 100:180, 100:200], piece.read())


STRETCH = 4 / 384
"""By how much the MS of the next test is too high: four PAN pixels from its first row to its last."""
SLOPE_ACCURACY = 0.25
"""PAN pixels from one end of so small a scene to the other, where windows have little leverage."""


def test_a_shift_that_grows_over_the_scene_is_followed(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=384)
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.scale(1, 1 + STRETCH)
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--method", "exp", "--register-local")
    with rasterio.open(tmp_path / "out.tif") as file:
        motion = [float(word) for word in file.tags(ns="SSDIFF")["REGISTRATION"].strip("[]").split(",")]
    # From the wrong place to the right one, (column, row).
    assert abs(motion[4] - 1 / (1 + STRETCH)) * 384 < SLOPE_ACCURACY
    assert abs(motion[1] * 384) < SLOPE_ACCURACY
    assert abs(motion[0] - 1) * 384 < SLOPE_ACCURACY


CORNERS = ((0.0, 0.0), (0.0, 384.0), (384.0, 0.0), (384.0, 384.0))
LEFT_OVER = 0.2
"""PAN pixels that may be left at the corners."""


@pytest.mark.parametrize("seed", [0, 3])
def test_a_slowly_varying_shift_leaves_little_at_the_corners(seed: int, scene_factory: SceneFactory, tmp_path: Path) -> None:
    """From half a PAN pixel at one end to two at the other, down and to the left."""
    scene = scene_factory(size=384, seed=seed)
    grows = 1.5 / 384
    with rasterio.open(scene.pan) as pan, rasterio.open(scene.ms, "r+") as ms:
        wrong = Affine(1, grows, 0.5, -grows, 1, -0.5)  # PAN (column, row) of the content to where the file says that it is
        ms.transform = pan.transform @ wrong @ ~pan.transform @ ms.transform
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--method", "exp", "--register-local")
    with rasterio.open(tmp_path / "out.tif") as file:
        moved = Affine(*(float(word) for word in file.tags(ns="SSDIFF")["REGISTRATION"].strip("[]").split(",")))
    for corner in CORNERS:
        assert np.hypot(*np.subtract(wrong @ corner, corner)) > 0.5
        assert np.hypot(*np.subtract(moved @ (wrong @ corner), corner)) < LEFT_OVER


def test_a_large_shift_is_found(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384, margin=12)
    displace(scene, 19.4, -11.2)
    shift = answer("check", scene.pan, scene.ms, "--method", "exp", "--register")["shift"]
    assert shift["corrected"]
    assert abs(shift["rows"] - 19.4) < 2 * ACCURACY
    assert abs(shift["cols"] + 11.2) < 2 * ACCURACY


def test_a_scene_that_does_not_tell_its_shift_is_refused(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=64)
    with rasterio.open(scene.ms, "r+") as file:
        file.write(np.random.default_rng(0).integers(100, 900, file.read().shape).astype("uint16"))
    line = refusal(ssdiff("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--method", "exp", "--register"), 3)
    assert "--register finds too little" in line
    assert not (tmp_path / "out.tif").exists()
