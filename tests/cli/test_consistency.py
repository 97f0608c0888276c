"""``--consistency``: the output degraded by the sensor's MTF is the MS that was given."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from ssdiff_models.consistency.clipping import CLIP_ITERATIONS
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.scene.sensors import get
from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

BOUND = 0.005
"""Root mean square difference over the band's root mean square, as promised."""
BORDER = 6
"""MS pixels where `reduce_ms` replicates what the tool mirrors."""
QB = get("qb").ms_gains


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output is far from consistent: random weights, a small residual scale."""
    return save_tiny(tmp_path_factory.mktemp("model"), residual_scale=4.0)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128, offset=(0.0, 0.0), margin=0)


MARGIN = 3
"""MS pixels around the PAN of scenes whose grids do not coincide."""


def inconsistency(
    output: Path,
    scene: Scene,
    gains: tuple[float, ...] = QB,
    *,
    phase: float = 1.5,
    margin: int = 0,
) -> float:
    with rasterio.open(output) as fused, rasterio.open(scene.ms) as ms:
        image, given = (torch.from_numpy(file.read().astype(np.float32)) for file in (fused, ms))
    inner, under = slice(BORDER, -BORDER), slice(BORDER + margin, -BORDER - margin)
    given = given[:, under, under]
    left = reduce_ms(image, gains, 4, phase)[:, inner, inner] - given
    return float((left.square().mean((1, 2)) / given.square().mean((1, 2))).sqrt().max())


def test_the_output_gives_the_ms_back(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    report = answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        output,
        "--model",
        tiny,
        "--sensor",
        "qb",
        "--consistency",
    )
    assert report["consistency"] == ITERATIONS
    assert inconsistency(output, scene) < BOUND
    with rasterio.open(output) as file:
        assert file.tags(ns="SSDIFF")["CONSISTENCY"] == str(ITERATIONS)
        assert file.tags(ns="SSDIFF")["CLIPPINGS"] == str(CLIP_ITERATIONS)
        assert file.tags(ns="SSDIFF")["MTF_GAINS"] == "0.34,0.32,0.3,0.22"


@pytest.mark.parametrize("offset", [0.62, -0.87])
def test_ms_pixels_between_those_of_the_model_are_given_back_themselves(
    offset: float, scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    """Interpolated MS pixels lack what the given ones have near their Nyquist frequency: more than a percent."""
    scene = scene_factory(size=128, offset=(offset, offset), margin=MARGIN)
    output = tmp_path / "out.tif"
    answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        output,
        "--model",
        tiny,
        "--sensor",
        "qb",
        "--consistency",
    )
    assert inconsistency(output, scene, phase=1.5 + offset, margin=MARGIN) < BOUND


def test_a_flipped_ms_makes_no_difference(
    scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    scene = scene_factory(size=128)
    common = (scene.pan, scene.ms, "--model", tiny, "--sensor", "qb", "--consistency", "-o")
    answer("sharpen", *common, tmp_path / "out.tif")
    with rasterio.open(scene.ms, "r+") as file:
        pixels = file.read()[:, ::-1]
        file.transform = file.transform @ Affine(1, 0, 0, 0, -1, file.height)
        file.write(pixels)
    answer("sharpen", *common, tmp_path / "flipped.tif")
    with (
        rasterio.open(tmp_path / "out.tif") as straight,
        rasterio.open(tmp_path / "flipped.tif") as flipped,
    ):
        assert np.abs(straight.read().astype(int) - flipped.read()).max() <= 1


def test_eval_shows_what_it_does_to_the_spectral_distortion(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    common = (scene.pan, scene.ms, "--model", tiny, "--sensor", "qb", "-o")
    answer("sharpen", *common, tmp_path / "before.tif")
    answer("sharpen", *common, tmp_path / "after.tif", "--consistency")
    products = ("--fused", tmp_path / "before.tif", "--fused", tmp_path / "after.tif")
    rows = answer(
        "eval", "--full-res", scene.pan, scene.ms, "--sensor", "qb", "--methods", "exp", *products
    )["methods"]
    assert rows["after"]["d_lambda_khan"] < 0.01 < rows["before"]["d_lambda_khan"]


@pytest.mark.parametrize("sensor", [("--sensor", "qb"), ()])
def test_without_it_nothing_is_projected(
    scene: Scene, tiny: Path, tmp_path: Path, sensor: tuple[str, ...]
) -> None:
    output = tmp_path / "out.tif"
    report = answer("sharpen", scene.pan, scene.ms, "-o", output, "--model", tiny, *sensor)
    assert report["consistency"] == 0
    assert inconsistency(output, scene) > 2 * BOUND
    with rasterio.open(output) as file:
        assert file.tags(ns="SSDIFF")["CONSISTENCY"] == "0"


def test_without_a_sensor_the_estimated_mtf_counts(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tif"
    gains = answer("check", scene.pan, scene.ms, "--model", tiny)["mtf"]["gains"]
    answer("sharpen", scene.pan, scene.ms, "-o", output, "--model", tiny, "--consistency")
    assert inconsistency(output, scene, tuple(gains)) < BOUND


def test_a_part_of_the_scene_has_the_same_pixels(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    with rasterio.open(scene.pan) as file:
        (left, top), (right, bottom) = file.transform @ (60, 40), file.transform @ (120, 100)
    common = (scene.pan, scene.ms, "--model", tiny, "--sensor", "qb", "--consistency", "-o")
    answer("sharpen", *common, tmp_path / "whole.tif")
    answer("sharpen", *common, tmp_path / "part.tif", f"--bbox={left},{bottom},{right},{top}")
    with (
        rasterio.open(tmp_path / "whole.tif") as whole,
        rasterio.open(tmp_path / "part.tif") as part,
    ):
        assert np.array_equal(whole.read()[:, 40:100, 60:120], part.read())


def test_tiles_that_share_nothing_are_a_warning(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    common = (
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--model",
        tiny,
        "--sensor",
        "qb",
        "--tile",
        "64",
        "--overwrite",
    )
    assert any(
        "--overlap 0" in line
        for line in answer(*common, "--overlap", "0", "--consistency")["warnings"]
    )
    assert not any(
        "--overlap" in line
        for line in answer(*common, "--overlap", "16", "--consistency")["warnings"]
    )
    assert not any("--overlap" in line for line in answer(*common, "--overlap", "0")["warnings"])


def test_classical_methods_have_none(scene: Scene, tmp_path: Path) -> None:
    done = ssdiff(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--consistency",
    )
    assert "--consistency" in refusal(done, 2)
