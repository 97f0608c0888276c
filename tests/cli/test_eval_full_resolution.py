"""``ssdiff eval --full-res``: the figures that see ghosts and softness, on grids of any phase."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.rasters.whole_raster import read_whole
from ssdiff_models import metrics
from ssdiff_models.metrics import sensor_view
from ssdiff_models.scene.sensors import get
from tests.cli.eval_calls import evaluate, product, scores
from tests.golden.scores import SCARPA
from tests.scenes import SceneFactory


def write_plain(path: Path, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> Path:
    """Writes ``(bands, rows, cols)`` without a geotransform."""
    count, rows, cols = pixels.shape
    kind = {"driver": "GTiff", "count": count, "height": rows, "width": cols}
    shown = {"photometric": "minisblack", "alpha": "unspecified"}
    with rasterio.open(path, "w", **kind, **shown, dtype=pixels.dtype) as file:
        file.write(pixels)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("crop", ["qb_wuda", "ge1_vitale", "wv2_vitale"])
def test_golden_figures_come_out_of_rasters(golden: Path, tmp_path: Path, crop: str) -> None:
    record = json.loads((golden / "fullres.json").read_text())["crops"][crop]
    names = ("gsa", "ssdiff_sensor")
    with np.load(golden / record["file"]) as arrays:
        pan = write_plain(tmp_path / "pan.tif", arrays["PAN"][None])
        ms, *products = (
            write_plain(tmp_path / f"{name}.tif", arrays[name].transpose(2, 0, 1))
            for name in ("MS", *names)
        )
    pair = ("--full-res", pan, ms, "--sensor", crop.partition("_")[0], "--assume-same-crs")
    found = scores(*pair, "--fused", products[0], "--fused", products[1])
    for name in names:
        want = record["methods"][name]["double"]
        figures = {theirs: found["methods"][name][ours] for theirs, ours in SCARPA.items()}
        assert figures == pytest.approx({key: want[key] for key in figures}, rel=1e-6)
    assert any("whole pixel of each band" in note for note in found["notes"])
    assert 0.1 < found["natural_d_rho"] < 0.9


def test_on_fractional_grids_the_transforms_say_where_the_ms_is(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=320, offset=(0.3, -0.4), margin=0)
    fused = product(scene, tmp_path / "fused.tif")
    found = scores("--full-res", scene.pan, scene.ms, "--fused", fused, "--sensor", "qb")
    row, col = scene.pair.first
    assert any(f"row {row:.2f}, column {col:.2f}" in note for note in found["notes"])
    image = read_whole(str(fused)).pixels.astype(float)
    valid = np.ones(image.shape[1:], dtype=np.bool_)
    seen = np.stack([
        sensor_view.reduced(band, valid, gain=gain, ratio=4, place=(row, col))
        for band, gain in zip(image, get("qb").ms_gains, strict=True)
    ])  # fmt: skip
    ms = read_whole(str(scene.ms)).pixels.astype(float)
    want = {"r_ergas": metrics.ergas(seen, ms, ratio=4), "r_sam": metrics.sam(seen, ms)}
    figures = found["methods"]["fused"]
    assert {name: figures[name] for name in want} == pytest.approx(want, rel=1e-3)
    assert figures["r_ergas"] < found["methods"]["exp"]["r_ergas"]


def test_every_output_has_the_new_figures(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=320, offset=(0.0, 0.0), margin=0)
    fused = product(scene, tmp_path / "fused.tif")
    table = tmp_path / "scores.csv"
    words = ("--full-res", scene.pan, scene.ms, "--fused", fused, "--csv", table)
    printed = evaluate(*words, "--fail-if", "exp:slope<0.5", "--fail-if", "corr<0")
    assert printed.exit_code == 6
    assert "exp has slope" in printed.stderr
    assert "corr<0" not in printed.stderr
    for title in ("D_rho", "R-SAM", "R-ERGAS", "R-Q2n", "D_s^(R)", "RQNR", "HQNR"):
        assert title in printed.stdout
    with table.open() as file:
        (row, _) = csv.DictReader(file)
    assert all(math.isfinite(float(row[name])) for name in (*SCARPA.values(), "slope", "rqnr"))


def test_methods_are_ranked_and_doing_nothing_is_not_starred(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=320, offset=(0.0, 0.0), margin=0)
    words = ("--full-res", scene.pan, scene.ms, "--methods", "exp,gsa,bt-h", "--sensor", "qb")
    ranks = scores(*words)["ranking"]
    assert [row["rank"] for row in ranks.values()] == [1, 2, None]
    assert {"slope", "corr"} <= set(ranks["exp"]["misses"])
    lines = evaluate(*words).stdout.splitlines()
    rows = [line for line in lines if line.startswith("│")]
    first = [row.split("│")[1].strip() for row in rows]
    assert first == [*ranks, *ranks]
    assert not any("*" in row for row in rows if "exp" in row)
    assert any(line.startswith("ranked by D_rho among images with slope") for line in lines)
    assert any(line.startswith("not ranked: exp (slope ") for line in lines)
