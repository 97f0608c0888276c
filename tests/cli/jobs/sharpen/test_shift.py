"""PAN and MS that do not fit: found, said, and on request corrected."""

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import map_coordinates

from ssdiff_cli.rasters.geometry.ms_shift import MsShift
from ssdiff_models.registration.surface import Lattice, Surface
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


def test_a_pan_of_another_place_is_a_warning(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384)
    with rasterio.open(scene.pan, "r+") as file:
        file.write(file.read()[:, ::-1, ::-1])
    found = answer("check", scene.pan, scene.ms, "--method", "exp")
    (warning,) = found["warnings"]
    assert re.search(
        r"ms\.tif: correlates with the PAN by 0\.[0-5]\d only: do both show the same place\?",
        warning,
    )
    assert found["shift"] is None


def test_a_pair_that_fits_gets_no_warning(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384)
    assert answer("check", scene.pan, scene.ms, "--method", "exp")["warnings"] == []


def test_registering_moves_the_ms_to_where_it_belongs(
    displaced: Scene, scene_factory: SceneFactory, tmp_path: Path
) -> None:
    report = answer(
        "sharpen",
        displaced.pan,
        displaced.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register",
    )
    assert report["warnings"] == []
    assert np.abs(np.subtract(report["shift"], OFF)).max() < ACCURACY
    fits = scene_factory(size=384)
    assert (
        answer("sharpen", fits.pan, fits.ms, "-o", tmp_path / "true.tif", "--method", "exp")[
            "shift"
        ]
        is None
    )
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
    (tmp_path / "aoi.wkt").write_text(
        f"POLYGON (({left} {top}, {right} {top}, {left} {bottom}, {left} {top}))"
    )
    corner = answer("sharpen", *common, tmp_path / "corner.tif", "--aoi", tmp_path / "aoi.wkt")
    assert corner["shift"] == whole["shift"]
    with (
        rasterio.open(tmp_path / "whole.tif") as full,
        rasterio.open(tmp_path / "cut.tif") as piece,
    ):
        assert np.array_equal(full.read()[:, 100:180, 100:200], piece.read())
    with (
        rasterio.open(tmp_path / "whole.tif") as full,
        rasterio.open(tmp_path / "corner.tif") as piece,
    ):
        inside = piece.dataset_mask() > 0
        assert 0.4 < inside.mean() < 0.6
        assert np.array_equal(full.read()[:, 100:180, 100:200][:, inside], piece.read()[:, inside])


STRETCH = 4 / 384
"""By how much the MS of the next test is too high: four PAN pixels from its first row to its last."""
SLOPE_ACCURACY = 0.25
"""PAN pixels from one end of so small a scene to the other, where windows have little leverage."""


def test_a_shift_that_grows_over_the_scene_is_followed(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=384)
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.scale(1, 1 + STRETCH)
    answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register-local",
    )
    with rasterio.open(tmp_path / "out.tif") as file:
        assert "REGISTRATION_SURFACE" not in file.tags(ns="SSDIFF")
    # From the wrong place to the right one, (column, row).
    found = shift_of(tmp_path / "out.tif").motion
    assert abs(found.e - 1 / (1 + STRETCH)) * 384 < SLOPE_ACCURACY
    assert abs(found.b * 384) < SLOPE_ACCURACY
    assert abs(found.a - 1) * 384 < SLOPE_ACCURACY


CORNERS = ((0.0, 0.0), (0.0, 384.0), (384.0, 0.0), (384.0, 384.0))
LEFT_OVER = 0.2
"""PAN pixels that may be left at the corners."""


@pytest.mark.parametrize("seed", [0, 3])
def test_a_slowly_varying_shift_leaves_little_at_the_corners(
    seed: int, scene_factory: SceneFactory, tmp_path: Path
) -> None:
    """From half a PAN pixel at one end to two at the other, down and to the left."""
    scene = scene_factory(size=384, seed=seed)
    grows = 1.5 / 384
    with rasterio.open(scene.pan) as pan, rasterio.open(scene.ms, "r+") as ms:
        wrong = Affine(
            1, grows, 0.5, -grows, 1, -0.5
        )  # PAN (column, row) of the content to where the file says that it is
        ms.transform = pan.transform @ wrong @ ~pan.transform @ ms.transform
    answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register-local",
    )
    shift = shift_of(tmp_path / "out.tif")
    assert shift.surface is None
    for corner in CORNERS:
        assert np.hypot(*np.subtract(wrong @ corner, corner)) > 0.5
        assert np.hypot(*np.subtract(shift.motion @ (wrong @ corner), corner)) < LEFT_OVER


SIDE = 512
"""PAN pixels of a scene whose PAN is bent."""
Field = npt.NDArray[np.float64]


def bent() -> tuple[Field, Field]:
    """Rows and columns by which the MS must be moved at every PAN pixel: up to three of them, and no straight line."""
    down, right = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    return 2.5 * (2 * down - 1) ** 2 + 0.5 * right, down * right - 1.5 * (2 * right - 1) ** 2


@pytest.fixture
def wavy(scene_factory: SceneFactory) -> Scene:
    """A scene whose PAN shows its content where `bent` says."""
    scene = scene_factory(size=SIDE, margin=5)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    with rasterio.open(scene.pan, "r+") as file:
        pan = map_coordinates(
            file.read(1).astype(float), (rows - bent()[0], cols - bent()[1]), order=5, mode="mirror"
        )
        file.write(np.clip(np.rint(pan), 1, 65535).astype("uint16"), 1)
    return scene


def shift_of(path: Path) -> MsShift:
    """What an output says of how its MS was moved."""
    with rasterio.open(path) as file:
        tags = file.tags(ns="SSDIFF")
    linear = Affine(*json.loads(tags["REGISTRATION"]))
    if "REGISTRATION_SURFACE" not in tags:
        return MsShift(motion=linear)
    record = json.loads(tags["REGISTRATION_SURFACE"])
    down, right = (tuple(tuple(line) for line in record[name]) for name in ("down", "right"))
    surface = Surface(lattice=Lattice(**record["lattice"]), down=down, right=right)
    return MsShift(motion=linear, surface=surface)


def left_over(path: Path) -> float:
    """Root mean square of PAN pixels by which the MS of an output of `wavy` is still off."""
    rows, cols = np.mgrid[:SIDE, :SIDE] + 0.5
    from_cols, from_rows = shift_of(path).uncorrected(cols, rows)
    return float(
        np.sqrt(np.mean((rows - from_rows - bent()[0]) ** 2 + (cols - from_cols - bent()[1]) ** 2))
    )


def linear_leaves() -> float:
    """The same of the best shift that changes linearly."""
    rows, cols = np.mgrid[:SIDE, :SIDE].reshape(2, -1)
    design = np.column_stack([np.ones(rows.size), rows, cols])
    field = np.column_stack([part.ravel() for part in bent()])
    left = field - design @ np.linalg.lstsq(design, field, rcond=None)[0]
    return float(np.sqrt((left**2).sum(1).mean()))


def test_a_shift_that_changes_as_a_curve_is_followed(wavy: Scene, tmp_path: Path) -> None:
    answer(
        "sharpen",
        wavy.pan,
        wavy.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register-local",
    )
    assert linear_leaves() > 0.8
    assert left_over(tmp_path / "out.tif") < 0.15 * linear_leaves()
    # And the pixels lie where that says: those of the MS left where it is, seen through the bend; most of what is left is that
    # these were interpolated twice.
    answer("sharpen", wavy.pan, wavy.ms, "-o", tmp_path / "flat.tif", "--method", "exp")
    rows, cols = np.mgrid[:SIDE, :SIDE]
    with rasterio.open(tmp_path / "out.tif") as file, rasterio.open(tmp_path / "flat.tif") as flat:
        for found, band in zip(file.read().astype(float), flat.read().astype(float), strict=True):
            there = map_coordinates(
                band, (rows - bent()[0], cols - bent()[1]), order=5, mode="mirror"
            )
            off, unmoved_off = (
                np.abs(found - other)[16:-16, 16:-16].mean() for other in (there, band)
            )
            assert off < 0.35 * unmoved_off


def test_an_area_of_interest_is_bent_like_the_whole_and_the_way_back_is_the_inverse_of_the_way_there(
    wavy: Scene, tmp_path: Path
) -> None:
    answer(
        "sharpen",
        wavy.pan,
        wavy.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--register-local",
    )
    shift = shift_of(tmp_path / "out.tif")
    assert shift.surface is not None
    with rasterio.open(wavy.pan) as file:
        left, top = file.transform @ (90, 110)
        right, bottom = file.transform @ (190, 180)
    box = f"--bbox={left},{bottom},{right},{top}"
    answer(
        "sharpen",
        wavy.pan,
        wavy.ms,
        "-o",
        tmp_path / "cut.tif",
        "--method",
        "exp",
        "--register-local",
        box,
    )
    assert shift_of(tmp_path / "cut.tif") == shift
    with rasterio.open(tmp_path / "out.tif") as full, rasterio.open(tmp_path / "cut.tif") as piece:
        assert np.array_equal(full.read()[:, 110:180, 90:190], piece.read())
    points = np.random.default_rng(0).uniform(-20, SIDE + 20, (2, 200))
    back = shift.corrected(*shift.uncorrected(*points))
    assert np.abs(np.subtract(back, points)).max() < 1e-6


def test_windows_that_contradict_each_other_are_told_from_windows_that_tell_nothing(
    scene_factory: SceneFactory,
) -> None:
    scene = scene_factory(size=768, margin=8)
    with rasterio.open(scene.ms, "r+") as file:
        true = file.transform
        file.transform = true @ Affine.scale(1, 1 + 3 / 768)
    (warning,) = answer("check", scene.pan, scene.ms, "--method", "exp", "--register")["warnings"]
    assert "--register-local follows" in warning
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = true @ Affine.scale(1, 1 + 20 / 768)
    done = ssdiff("check", scene.pan, scene.ms, "--method", "exp")
    assert re.search(
        r"shift +unknown: \d+ windows contradict each other \(spread \d", done.stdout
    ), done.stdout
    assert "--register-local follows" in done.stdout
    line = refusal(ssdiff("check", scene.pan, scene.ms, "--method", "exp", "--register"), 3)
    assert "windows contradict each other" in line
    assert "try --register-local" in line
    shift = answer("check", scene.pan, scene.ms, "--method", "exp", "--register-local")["shift"]
    assert shift["drift"]["rows_per_row"] == pytest.approx(-20 / 768, rel=0.05)
    silent = scene_factory(size=64)
    with rasterio.open(silent.ms, "r+") as file:
        file.write(np.random.default_rng(0).integers(100, 900, file.read().shape).astype("uint16"))
    found = answer("check", silent.pan, silent.ms, "--method", "exp")
    assert (found["shift"], found["no_shift"]) == (None, "too little that PAN and MS share")


def test_a_large_shift_is_found(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384, margin=12)
    displace(scene, 19.4, -11.2)
    shift = answer("check", scene.pan, scene.ms, "--method", "exp", "--register")["shift"]
    assert shift["corrected"]
    assert abs(shift["rows"] - 19.4) < 2 * ACCURACY
    assert abs(shift["cols"] + 11.2) < 2 * ACCURACY


def test_a_scene_that_does_not_tell_its_shift_is_refused(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=64)
    with rasterio.open(scene.ms, "r+") as file:
        file.write(np.random.default_rng(0).integers(100, 900, file.read().shape).astype("uint16"))
    line = refusal(
        ssdiff(
            "sharpen",
            scene.pan,
            scene.ms,
            "-o",
            tmp_path / "out.tif",
            "--method",
            "exp",
            "--register",
        ),
        3,
    )
    assert "--register finds too little" in line
    assert not (tmp_path / "out.tif").exists()
