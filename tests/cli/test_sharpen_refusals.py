"""``ssdiff sharpen`` on bad input: one line, the right exit code, nothing under the output's name."""

import copy
from pathlib import Path

import pytest
import rasterio
import torch

from tests.cli.calls import refusal, save_tiny, ssdiff
from tests.cli.sharpening import Run, nothing_left, refused, rewrite
from tests.models.tiny import network
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96)


def test_a_missing_file(run: Run, scene: Scene, tmp_path: Path) -> None:
    scene.ms.unlink()
    assert str(scene.ms) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_a_file_that_is_no_raster(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    path.write_text("no raster")
    assert str(path) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_a_truncated_file(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert str(path) in refused(run(scene), 3)
    assert nothing_left(tmp_path)


def test_a_pan_of_several_bands(run: Run, scene: Scene, tmp_path: Path) -> None:
    rewrite(scene.pan, scene.pan.with_name("rgb.tif"), count=3).replace(scene.pan)
    line = refused(run(scene), 3)
    assert "has 3 bands" in line
    assert "--pan-bidx" in line
    assert nothing_left(tmp_path)
    assert run(scene, "--pan-bidx", "2").exit_code == 0


@pytest.mark.parametrize("which", ["pan", "ms"])
def test_no_crs_on_one_side(run: Run, scene: Scene, tmp_path: Path, which: str) -> None:
    path: Path = getattr(scene, which)
    rewrite(path, path.with_name("bare.tif"), crs=None).replace(path)
    line = refused(run(scene), 3)
    assert f"{path}: has no CRS" in line
    assert "--assume-same-crs" in line
    assert nothing_left(tmp_path)
    assert run(scene, "--assume-same-crs").exit_code == 0


def test_no_overlap(run: Run, scene: Scene, tmp_path: Path) -> None:
    with rasterio.open(scene.ms) as file:
        away = file.transform @ rasterio.Affine.translation(5000, 0)
    rewrite(scene.ms, scene.ms.with_name("far.tif"), transform=away).replace(scene.ms)
    assert "do not overlap" in refused(run(scene), 3)
    assert nothing_left(tmp_path)


def test_a_crs_of_no_box(run: Run, scene: Scene, tmp_path: Path) -> None:
    assert "--bbox-crs EPSG:4326 says what --bbox or --aoi is in" in refused(
        run(scene, "--bbox-crs", "EPSG:4326"), 2
    )
    assert nothing_left(tmp_path)


def test_a_ratio_out_of_reach(run: Run, scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=102, ratio=17, offset=(0.0, 0.0))
    line = refused(run(scene), 3)
    assert "17 x 17 PAN pixels" in line
    assert "1.5 to 16 can be fused" in line
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "foreign"])
def test_a_model_that_is_none(
    run: Run, scene: Scene, tiny: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "broken.safetensors"
    if kind == "foreign":
        torch.save({"weight": torch.zeros(3)}, path)
    elif kind != "missing":
        path.write_bytes(tiny.read_bytes()[:4000] if kind == "truncated" else b"no weights")
    assert str(path) in refused(run(scene, model=path), 4)
    assert nothing_left(tmp_path)


def test_an_existing_output(run: Run, scene: Scene, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    output.write_text("precious")
    line = refused(run(scene), 2)
    assert str(output) in line
    assert "--overwrite" in line
    assert output.read_text() == "precious"
    # A run that fails leaves what it was to replace.
    scene.pan.write_bytes(scene.pan.read_bytes()[: scene.pan.stat().st_size * 2 // 3])
    refused(run(scene, "--overwrite"), 3)
    assert output.read_text() == "precious"


def test_an_output_that_is_an_input(run: Run, scene: Scene) -> None:
    before = scene.ms.read_bytes()
    assert "also an input" in refused(run(scene, "--overwrite", output=str(scene.ms)), 2)
    assert scene.ms.read_bytes() == before


def test_folders_that_cannot_be_written(run: Run, scene: Scene, tmp_path: Path) -> None:
    assert "there is no folder" in refused(run(scene, output="absent/out.tif"), 2)
    assert "is a folder" in refused(run(scene, output="."), 2)
    # Nobody, root included, makes files there.
    result = run(scene, output="/proc/out.tif")
    assert "/proc/out.tif" in refused(result, result.exit_code)
    assert result.exit_code in {2, 5}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tile", "20"), "20"),
        (("--overlap", "100"), "100"),
        (("--steps", "2000"), "2000"),
        (("--sensor", "sputnik"), "sputnik"),
        (("--device", "abacus"), "abacus"),
        (("--bbox", "1,2,3"), "four numbers"),
        (("--dtype", "int7"), "int7"),
        (("--co", "COMPRESS"), "NAME=VALUE"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(
    run: Run, scene: Scene, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    assert told in refused(run(scene, *options), 2)
    assert nothing_left(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(run: Run, scene: Scene, tmp_path: Path) -> None:
    assert "choose --device cpu" in refused(run(scene, "--device", "cuda"), 5)
    assert nothing_left(tmp_path)


def test_a_network_whose_output_is_not_finite(scene: Scene, tmp_path: Path) -> None:
    broken = copy.deepcopy(network())
    weights = {name: value.clone() for name, value in broken.state_dict().items()}
    # Infinity on both sides: their sum is none.
    weights["head.1.weight"][:, ::2], weights["head.1.weight"][:, 1::2] = 3e38, -3e38
    weights["head.0.weight"].mul_(1e10)
    broken.load_state_dict(weights)
    path = save_tiny(tmp_path, network=broken)
    line = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--model", path), 4
    )
    assert "is not finite" in line
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("option", ["--steps", "--samples", "--tile", "--overlap"])
def test_a_classical_method_has_none_of_the_networks_options(
    scene: Scene, tmp_path: Path, option: str
) -> None:
    done = ssdiff(
        "sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--method", "gsa", option, 2
    )
    assert option in refusal(done, 2)
