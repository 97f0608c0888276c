"""What the numbers of a raster stand for: black levels in the metadata, signed values."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.jobs.train.pairs import pair_record, read_scene
from tests.cli.calls import answer
from tests.cli.sharpening import Pixels, pixels
from tests.scenes import Scene, SceneFactory

BLACK = 1000
SCALE = 1e-4


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128)


def shifted(path: Path, amount: int, *, dtype: str = "uint16", told: bool = True) -> Path:
    """Writes a raster whose DN are higher by some amount, which its offset takes back."""
    with rasterio.open(path) as file:
        values, profile, count = file.read().astype("int64") + amount, file.profile, file.count
    output = path.with_name(f"{path.stem}{amount}.tif")
    with rasterio.open(output, "w", **(profile | {"dtype": dtype})) as file:
        file.write(values.astype(dtype))
        if told:
            file.scales, file.offsets = (SCALE,) * count, (-amount * SCALE,) * count
    return output


AT_MS_SCALE = {"r_sam", "r_ergas", "r_q2n", "d_lambda_align"}
"""Figures that compare with the MS as it was given, or with the model's where it has an offset."""


def sharpened(pan: Path, ms: Path, output: Path, *options: str | Path) -> Pixels:
    answer("sharpen", pan, ms, "-o", output, *options)
    return pixels(output).astype(float)


@pytest.mark.parametrize(
    "method", ["ssdiff", "exp", "brovey", "gsa", "bt-h", "mtf-glp-hpm", "pracs"]
)
@pytest.mark.parametrize("both", [False, True])
def test_a_black_level_in_the_metadata_is_no_signal(
    method: str, both: bool, scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    # bfloat16 makes DN of the last bits of float32.
    network = ("--model", tiny, "--precision", "fp32")
    options = network if method == "ssdiff" else ("--method", method)
    # A signed type, so that it ends at 0 for neither.
    plain = sharpened(
        shifted(scene.pan, 0, dtype="int32"),
        shifted(scene.ms, 0, dtype="int32"),
        tmp_path / "plain.tif",
        *options,
    )
    pan = shifted(scene.pan, BLACK if both else 0, dtype="int32")
    found = sharpened(
        pan, shifted(scene.ms, BLACK, dtype="int32"), tmp_path / "black.tif", *options
    )
    assert np.abs(found - BLACK - plain).max() <= 1
    with rasterio.open(tmp_path / "black.tif") as file:
        assert file.offsets == pytest.approx([-BLACK * SCALE] * file.count)


def test_check_tells_the_black_level_and_takes_it_back(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    ms = shifted(scene.ms, BLACK)
    found = answer("check", scene.pan, ms, "--model", tiny)["statistics"]
    assert [band["black"] for band in found["ms"]] == pytest.approx([BLACK] * len(found["ms"]))
    assert found["pan"]["black"] == 0
    (tmp_path / "stats.json").write_text(json.dumps(found))
    one = sharpened(scene.pan, ms, tmp_path / "own.tif", "--model", tiny)
    other = sharpened(
        scene.pan, ms, tmp_path / "given.tif", "--model", tiny, "--stats", tmp_path / "stats.json"
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize("protocol", ["--reduced-res", "--full-res"])
def test_scores_are_those_of_the_signal(
    protocol: str, scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    scene = scene_factory(size=512)
    # A signed type, so that it ends at 0 for neither.
    plain, black = (
        [shifted(path, amount, dtype="int32") for path in (scene.pan, scene.ms)]
        for amount in (0, BLACK)
    )
    network = ("--model", tiny, "--precision", "fp32")
    words = ("--methods", "ssdiff,bt-h,brovey,exp", *network, "--sensor", "qb")
    one, other = (answer("eval", protocol, *files, *words)["methods"] for files in (plain, black))
    for method, scores in one.items():
        for name, value in scores.items():
            if name in AT_MS_SCALE:
                continue
            assert other[method][name] == pytest.approx(value, rel=2e-3, abs=1e-4), (method, name)
    fused = [tmp_path / f"{number}.tif" for number in range(2)]
    for files, output in zip((plain, black), fused, strict=True):
        answer("sharpen", *files, "-o", output, "--method", "gsa")
    rows = [
        answer("eval", "--full-res", *files, "--fused", output)
        for files, output in zip((plain, black), fused, strict=True)
    ]
    assert rows[0]["methods"]["0"]["hqnr"] == pytest.approx(
        rows[1]["methods"]["1"]["hqnr"], rel=1e-3
    )
    truth = shifted(scene.truth, BLACK, dtype="int32")
    angles = [
        answer("eval", "--fused", output, "--reference", reference)["methods"][output.stem]["sam"]
        for output, reference in zip(fused, (scene.truth, truth), strict=True)
    ]
    assert angles[1] == pytest.approx(angles[0], rel=1e-3)


def test_adapting_does_not_see_the_black_level(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=512)
    pan, ms = shifted(scene.pan, BLACK), shifted(scene.ms, BLACK)
    reports = [
        answer(
            "adapt",
            *files,
            "-o",
            tmp_path / f"{number}.safetensors",
            "--steps",
            0,
            "--sensor",
            "qb",
        )
        for number, files in enumerate([(scene.pan, scene.ms), (pan, ms)])
    ]
    for name in ("before", "after", "bt-h"):
        one, other = (report["unseen"][name] for report in reports)
        assert other == pytest.approx(one, rel=1e-3), name


def test_training_does_not_see_the_black_level(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=384)
    one, other = (
        read_scene(
            pair_record(str(pan), str(ms), sensor="qb", split="train"),
            ("blue", "green", "red", "nir"),
            "bt-h",
        )
        for pan, ms in (
            (scene.pan, scene.ms),
            (shifted(scene.pan, BLACK), shifted(scene.ms, BLACK)),
        )
    )
    assert other.means == pytest.approx(one.means)
    assert float((other.prior - one.prior).abs().max()) < 1e-3
    assert float((other.gt - one.gt).abs().max()) < 1e-4


@pytest.mark.parametrize("amount", [-60, -300, -2000])
def test_signed_values_are_sharpened_like_any(amount: int, scene: Scene, tmp_path: Path) -> None:
    plain = sharpened(scene.pan, scene.ms, tmp_path / "plain.tif")
    pan, ms = (shifted(path, amount, dtype="int16", told=False) for path in (scene.pan, scene.ms))
    found = sharpened(pan, ms, tmp_path / "signed.tif") - amount
    with rasterio.open(scene.ms) as file:
        spread = float(file.read().std())
    # Not the same pixels, as what black was is not known; but nothing runs away.
    assert np.abs(found - plain).max() < 1.5 * spread
    assert np.sqrt(np.square(found - plain).mean()) < spread / 10
