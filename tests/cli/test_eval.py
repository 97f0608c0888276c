"""``ssdiff eval`` on rasters: protocols, forms of output, thresholds."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ssdiff_cli.jobs.simulate import ms_transform, pan_transform
from ssdiff_cli.rasters.whole_raster import GeoTiff, read_whole, write_geotiff
from ssdiff_models import metrics
from ssdiff_models.classical import METHODS
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import upsample
from ssdiff_models.scene.sensors import get
from tests.cli.calls import refusal
from tests.cli.eval_calls import evaluate, product, scores
from tests.scenes import UTM, Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    """Corner-aligned, so that no resampling stands between the files and the protocol."""
    return scene_factory(size=320, offset=(0.0, 0.0), margin=0)


def test_reduced_resolution_is_walds_protocol_with_the_sensors_mtf(scene: Scene) -> None:
    found = scores("--reduced-res", scene.pan, scene.ms, "--methods", "exp", "--sensor", "qb")
    assert (found["protocol"], found["sensor"], found["ratio"], found["crop"]) == (
        "reduced-resolution",
        "qb",
        4,
        21,
    )
    gains = get("qb").ms_gains
    reference = torch.from_numpy(np.rint(scene.pair.ms).astype(np.float64))
    low = np.pad(
        reduce_ms(reference, gains, 4, 1.5).numpy(), ((0, 0), (10, 10), (10, 10)), mode="symmetric"
    )
    lms = upsample(torch.from_numpy(low), 4, 1.5).numpy()
    inner = (slice(None), slice(20, -21), slice(20, -21))
    fused, truth = lms[inner], reference.numpy()[inner]
    want = {
        "sam": metrics.sam(fused, truth),
        "ergas": metrics.ergas(fused, truth, ratio=4),
        "q2n": metrics.q2n(fused, truth),
        "uqi": metrics.uqi(fused, truth),
        "scc": metrics.scc(fused, truth),
        "psnr": metrics.psnr(fused, truth, peak=2047),
        "ssim": metrics.ssim(fused, truth, peak=2047),
    }
    assert found["methods"]["exp"] == pytest.approx(want, rel=1e-5)


def test_crop_0_scores_the_border_too(scene: Scene) -> None:
    pair = ("--reduced-res", scene.pan, scene.ms, "--methods", "exp")
    whole = scores(*pair, "--crop", "0")
    assert whole["crop"] == 0
    assert whole["methods"] != scores(*pair)["methods"]


def test_full_resolution_registers_the_low_pass_pan(scene: Scene) -> None:
    found = scores("--full-res", scene.pan, scene.ms, "--methods", "exp", "--sensor", "qb")
    assert (found["protocol"], found["crop"]) == ("full-resolution", 0)

    def expand(image: Any) -> Any:
        return upsample(
            torch.from_numpy(np.pad(image, ((0, 0), (10, 10), (10, 10)), mode="symmetric")),
            4,
            1.5,
        ).numpy()

    ms, pan = np.rint(scene.pair.ms), np.rint(scene.pair.pan)
    lms = expand(ms)
    low = expand(
        reduce_pan(torch.from_numpy(pan), 4, first=(1.5, 1.5), shape=(80, 80)).numpy()[None]
    )
    fused = np.rint(lms)
    khan = metrics.d_lambda_khan(fused, lms, sensor="qb", ratio=4)
    spatial = metrics.d_s(fused, lms, pan, ratio=4, pan_low=low)
    spectral = metrics.d_lambda(fused, lms)
    want = {"d_lambda_khan": khan, "d_s": spatial, "hqnr": (1 - khan) * (1 - spatial)}
    want |= {"d_lambda": spectral, "qnr": (1 - spectral) * (1 - spatial)}
    exp = found["methods"]["exp"]
    assert {name: exp[name] for name in want} == pytest.approx(want, rel=1e-4, abs=1e-6)


def test_given_products_are_rows_beside_exp(scene: Scene, tmp_path: Path) -> None:
    near = product(scene, tmp_path / "near.tif")
    far = product(scene, tmp_path / "far.tif", np.rint(scene.pair.truth[:, ::-1]).astype(np.uint16))
    found = scores("--full-res", scene.pan, scene.ms, "--fused", near, far)["methods"]
    assert list(found) == ["near", "far", "exp"]
    assert found["near"]["hqnr"] > found["far"]["hqnr"]


def test_a_threshold_is_about_the_product_and_not_about_exp(scene: Scene, tmp_path: Path) -> None:
    near = product(scene, tmp_path / "near.tif")
    pair = ("--full-res", scene.pan, scene.ms, "--fused", near)
    rows = scores(*pair)["methods"]
    limit = (rows["near"]["hqnr"] + rows["exp"]["hqnr"]) / 2
    good, bad = ("<", ">") if rows["near"]["hqnr"] > rows["exp"]["hqnr"] else (">", "<")
    assert evaluate(*pair, "--fail-if", f"hqnr{good}{limit}").exit_code == 0
    assert evaluate(*pair, "--fail-if", f"hqnr{bad}{limit}").exit_code == 6
    assert evaluate(*pair, "--fail-if", f"exp:hqnr{good}{limit}").exit_code == 6


def test_two_rasters_on_one_grid(scene: Scene, tmp_path: Path) -> None:
    fused = product(scene, tmp_path / "fused.tif")
    found = scores("--fused", fused, "--reference", scene.truth, "--crop", "0", "--sensor", "qb")
    assert found["protocol"] == "reference"
    a, b = read_whole(str(fused)).pixels, read_whole(str(scene.truth)).pixels
    want = {
        "sam": metrics.sam(a, b),
        "ergas": metrics.ergas(a, b, ratio=4),
        "q2n": metrics.q2n(a, b),
        "uqi": metrics.uqi(a, b),
    }
    want |= {
        "scc": metrics.scc(a, b),
        "psnr": metrics.psnr(a, b, peak=2047),
        "ssim": metrics.ssim(a, b, peak=2047),
    }
    assert found["methods"]["fused"] == pytest.approx(want, rel=1e-9)
    same = scores("--fused", scene.truth, "--reference", scene.truth)["methods"]["truth"]
    assert (same["sam"], same["q2n"], same["psnr"]) == (0, pytest.approx(1), None)


@pytest.mark.parametrize("mode", ["--reduced-res", "--full-res"])
def test_every_classical_method_has_a_row(scene: Scene, mode: str) -> None:
    rows = scores(mode, scene.pan, scene.ms, "--methods", ",".join(METHODS), "--sensor", "qb")[
        "methods"
    ]
    assert tuple(rows) == METHODS
    assert all(math.isfinite(value) for row in rows.values() for value in row.values())
    if mode == "--reduced-res":
        assert rows["gsa"]["ergas"] < rows["exp"]["ergas"]


def test_holes_do_not_count(scene: Scene, tmp_path: Path) -> None:
    pixels = np.rint(scene.pair.truth).astype(np.uint16)
    pixels[:, :40, :64] = 0
    holes = product(scene, tmp_path / "holes.tif", pixels, nodata=0)
    row = scores("--fused", holes, "--reference", scene.truth, "--crop", "0")["methods"]["holes"]
    assert (row["sam"], row["ergas"]) == (0, 0)
    assert row["q2n"] == pytest.approx(1)
    full = scores("--full-res", scene.pan, scene.ms, "--fused", holes)["methods"]
    assert full["holes"]["hqnr"] > 0.5


def test_reflectances_are_scored_as_digital_numbers(scene: Scene, tmp_path: Path) -> None:
    fine = pan_transform(scene.sensor.pan_gsd)
    coarse = ms_transform(fine, scene.pair.first, 4)
    for name, image, transform in (("pan", scene.pair.pan, fine), ("ms", scene.pair.ms, coarse)):
        header = GeoTiff(
            transform=transform, crs=UTM, names=("pan",) if name == "pan" else scene.sensor.bands
        )
        write_geotiff(tmp_path / f"{name}.tif", (np.rint(image) / 1e4).astype(np.float32), header)
    pair = (tmp_path / "pan.tif", tmp_path / "ms.tif")
    found = scores("--full-res", *pair, "--methods", "exp")
    assert any("multiplied by 10000" in note for note in found["notes"])
    want = scores("--full-res", scene.pan, scene.ms, "--methods", "exp")["methods"]["exp"]
    assert found["methods"]["exp"]["hqnr"] == pytest.approx(want["hqnr"], rel=1e-3)
    reduced = scores("--reduced-res", *pair, "--methods", "exp")["methods"]["exp"]
    assert reduced["q2n"] == pytest.approx(
        scores("--reduced-res", scene.pan, scene.ms, "--methods", "exp")["methods"]["exp"]["q2n"],
        rel=1e-4,
    )


def test_windows_estimate_the_scene(scene_factory: SceneFactory) -> None:
    large = scene_factory(size=640, offset=(0.0, 0.0), margin=0)
    for mode in ("--reduced-res", "--full-res"):
        pair = (mode, large.pan, large.ms, "--methods", "exp")
        sampled = scores(*pair, "--windows", "3")
        assert (sampled["unit"], sampled["count"]) == ("window", 3)
        metric = "q2n" if mode == "--reduced-res" else "hqnr"
        interval = sampled["ci95"]["exp"][metric]
        assert 0 < interval < 0.5
        assert (
            abs(sampled["methods"]["exp"][metric] - scores(*pair)["methods"]["exp"][metric])
            < 3 * interval
        )
        assert sampled["methods"] == scores(*pair, "--windows", "3")["methods"]


def test_windows_of_a_reference(scene_factory: SceneFactory) -> None:
    large = scene_factory(size=640, offset=(0.0, 0.0), margin=0)
    found = scores("--fused", large.truth, "--reference", large.truth, "--windows", "2")
    assert (found["count"], found["crop"], found["methods"]["truth"]["sam"]) == (2, 0, 0)


def test_the_table_marks_the_best_and_names_the_protocol(scene: Scene, tmp_path: Path) -> None:
    near = product(scene, tmp_path / "near.tif")
    far = product(scene, tmp_path / "far.tif", np.rint(scene.pair.truth * 0.8).astype(np.uint16))
    result = evaluate("--fused", near, "--fused", far, "--reference", scene.truth, "--sensor", "qb")
    assert result.exit_code == 0
    rows = {
        line.split("│")[1].strip(): line
        for line in result.stdout.splitlines()
        if line.startswith("│")
    }
    marked = {
        name: [cell.strip().endswith("*") for cell in row.split("│")[2:-1]]
        for name, row in rows.items()
    }
    # The dark one has the better angles, the noisy one the better brightness.
    assert marked == {"near": [not best for best in marked["far"]], "far": marked["far"]}
    assert (marked["far"][0], marked["near"][1]) == (True, True)
    assert "SAM [deg]" in result.stdout
    assert "border cut: 21 pixels" in result.stdout
    assert "PSNR pooled over bands, peak 2047" in result.stdout


def test_csv_holds_what_json_does(scene: Scene, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    found = scores("--reduced-res", scene.pan, scene.ms, "--methods", "exp", "--csv", table)
    with table.open() as file:
        (row,) = csv.DictReader(file)
    assert row["method"] == "exp"
    assert {name: float(row[name]) for name in found["methods"]["exp"]} == found["methods"]["exp"]
    again = evaluate("--reduced-res", scene.pan, scene.ms, "--methods", "exp", "--csv", table)
    assert "exists; pass --overwrite" in refusal(again, 2)
    assert (
        evaluate(
            "--reduced-res", scene.pan, scene.ms, "--methods", "exp", "--csv", table, "--overwrite"
        ).exit_code
        == 0
    )


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("sam>0.001", 6),
        ("exp:sam>0.001", 6),
        ("SAM < 90", 6),
        ("sam>90", 0),
        ("q2n<=0", 0),
        ("exp:q2n>=2", 0),
    ],
)
def test_thresholds(scene: Scene, condition: str, code: int) -> None:
    result = evaluate(
        "--reduced-res", scene.pan, scene.ms, "--methods", "exp", "--fail-if", condition
    )
    assert result.exit_code == code
    assert "exp" in result.stdout, "the figures are printed in any case"
    assert (f"({condition})" in result.stderr) == (code == 6)


def test_not_a_number_is_null_and_fails_every_threshold(scene_factory: SceneFactory) -> None:
    grey = scene_factory(size=320, bands=("red",), offset=(0.0, 0.0), margin=0)
    pair = ("--full-res", grey.pan, grey.ms, "--methods", "exp")
    row = scores(*pair)["methods"]["exp"]
    assert row["d_lambda"] is None
    assert row["qnr"] is None
    assert not math.isnan(row["hqnr"])
    missed = evaluate(*pair, "--json", "--fail-if", "qnr<0")
    assert missed.exit_code == 6
    assert "has qnr nan" in missed.stderr
