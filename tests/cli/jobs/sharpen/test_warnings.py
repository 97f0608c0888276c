"""Warnings about what is allowed but hardly meant."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from tests.cli.calls import answer, refusal, ssdiff
from tests.scenes import SceneFactory


def eight_bit(source: Path, target: Path, *, alpha: bool) -> Path:
    """Writes four bands of 8 bits as many tools do: the fourth is marked as alpha."""
    with rasterio.open(source) as file:
        profile, pixels = file.profile, file.read()
    pixels = np.clip(pixels // 8, 1, 255).astype(np.uint8)
    if alpha:
        pixels[3] = 255
        pixels[3, :5] = 0
    profile |= {"dtype": "uint8", "photometric": "RGB", "alpha": "yes"}
    with rasterio.open(target, "w", **profile) as file:
        file.write(pixels)
    with rasterio.open(target) as file:
        assert file.colorinterp[3] == ColorInterp.alpha
    return target


def test_data_in_a_band_marked_as_alpha(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=128)
    ms = eight_bit(scene.ms, tmp_path / "ms8.tif", alpha=False)
    report = answer("sharpen", scene.pan, ms, "-o", tmp_path / "out.tif", "--method", "exp")
    assert report["count"] == 3
    (warning,) = (line for line in report["warnings"] if "alpha" in line)
    assert "band 4" in warning
    assert "--bidx 1,2,3,4" in warning
    whole = answer(
        "sharpen",
        scene.pan,
        ms,
        "-o",
        tmp_path / "four.tif",
        "--method",
        "exp",
        "--bidx",
        "1,2,3,4",
    )
    assert whole["count"] == 4
    assert not any("alpha" in line for line in whole["warnings"])


def test_a_true_alpha_band_gets_no_word(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=128)
    ms = eight_bit(scene.ms, tmp_path / "ms8.tif", alpha=True)
    report = answer("sharpen", scene.pan, ms, "-o", tmp_path / "out.tif", "--method", "exp")
    assert not any("alpha" in line for line in report["warnings"])


def test_elevations_that_nothing_needs(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=128)
    (warning,) = answer(
        "check", scene.pan, scene.ms, "--method", "exp", "--rpc-dem", "nowhere.tif"
    )["warnings"]
    assert warning == "--rpc-dem nowhere.tif: not used, since neither image is placed by RPCs"


def test_an_output_too_narrow_for_the_values(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=128)
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "--dtype")
    narrow = answer(*words, "uint8", "-o", tmp_path / "narrow.tif")
    assert any("uint8 ends at 255" in line for line in narrow["warnings"])
    wide = answer(*words, "int32", "-o", tmp_path / "wide.tif")
    assert not any("clipped" in line for line in wide["warnings"])


def test_a_band_without_content_is_refused_by_file_and_number(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=128)
    with rasterio.open(scene.ms, "r+") as file:
        file.write(np.zeros((file.height, file.width), np.uint16), 3)
    line = refusal(ssdiff("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif"), 3)
    assert f"{scene.ms}: band 3:" in line
    assert "--bidx" in line


def test_a_pan_coarser_than_the_ms(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=128)
    coarse = tmp_path / "coarse.tif"
    with rasterio.open(scene.pan) as file:
        profile, pixels = file.profile, file.read(out_shape=(1, 16, 16))
        profile |= {"width": 16, "height": 16, "transform": file.transform @ Affine.scale(8)}
    with rasterio.open(coarse, "w", **profile) as file:
        file.write(pixels)
    report = answer("sharpen", coarse, scene.ms, "-o", tmp_path / "out.tif", "--method", "exp")
    assert any("are PAN and MS swapped?" in line for line in report["warnings"])
