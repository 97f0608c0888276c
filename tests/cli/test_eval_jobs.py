"""The parts of an evaluation: windows, statistics, conditions, products, and methods that are the tool's own."""

import logging
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

from ssdiff_cli.app import app
from ssdiff_cli.jobs.evaluate.methods import array_source
from ssdiff_cli.jobs.evaluate.plan import Sample
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.run import evaluate, open_plan
from ssdiff_cli.jobs.evaluate.samples import pair
from ssdiff_cli.jobs.evaluate.samples.products import product_names
from ssdiff_cli.jobs.evaluate.samples.windows import (
    LARGE,
    WINDOWS,
    aligned,
    crop_slices,
    has_block,
    pieces,
    random_windows,
    window_count,
)
from ssdiff_cli.jobs.evaluate.scores import METRICS, Scores, summarise, t_quantile
from ssdiff_cli.jobs.evaluate.scoring import Fused, score
from ssdiff_cli.jobs.evaluate.thresholds import parse_condition
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.whole_raster import read_whole
from ssdiff_models.checkpoint import save_checkpoint
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.windows import Window
from tests.models import tiny
from tests.scenes import SceneFactory

sides = st.integers(64, 3000)


@given(
    row=st.integers(0, 50),
    col=st.integers(0, 50),
    rows=sides,
    cols=sides,
    ratio=st.sampled_from([2, 3, 4]),
    asked=st.integers(1, 30),
)
def test_windows_are_disjoint_aligned_and_inside(
    row: int, col: int, rows: int, cols: int, ratio: int, asked: int
) -> None:
    area = aligned(Window(row=row, col=col, rows=rows, cols=cols), ratio, ratio * ratio)
    assert (area.row % ratio, area.col % ratio, area.rows % ratio**2, area.cols % ratio**2) == (
        0,
        0,
        0,
        0,
    )
    windows = list(random_windows(area, ratio * ratio, asked))
    assert windows
    assert len({(w.row, w.col) for w in windows}) == len(windows)
    for window in windows:
        assert window.intersection(area) == window
        assert (window.row % ratio, window.rows % ratio**2, window.shape) == (
            0,
            0,
            windows[0].shape,
        )
        assert (window.row - windows[0].row) % window.rows == 0, "a lattice"
    assert windows == list(random_windows(area, ratio * ratio, asked))


@given(row=st.integers(0, 9), rows=st.integers(1, 700), cols=st.integers(1, 700))
def test_pieces_cover_a_scene_once(row: int, rows: int, cols: int) -> None:
    area = Window(row=row, col=3, rows=rows, cols=cols)
    seen = np.zeros(area.shape, dtype=np.int64)
    for piece in pieces(area, 64):
        assert (piece.row - area.row) % 64 == 0, "blocks of 32 do not straddle pieces"
        assert piece.rows >= min(rows, 64)
        seen[piece.within(area)] += 1
    assert (seen == 1).all()


def test_a_scene_without_one_whole_model_pixel_is_too_small() -> None:
    with pytest.raises(InputError, match="too small"):
        aligned(Window(row=1, col=0, rows=16, cols=64), 4, 16)


def test_large_scenes_are_sampled() -> None:
    small, large = (
        Window(row=0, col=0, rows=8000, cols=8000),
        Window(row=0, col=0, rows=8001, cols=8000),
    )
    assert small.rows * small.cols == LARGE
    assert (window_count(small, None), window_count(large, None), window_count(small, 5)) == (
        None,
        WINDOWS,
        5,
    )


def test_blocks_are_anchored_at_the_first_pixel() -> None:
    valid = np.zeros((70, 70), dtype=np.bool_)
    valid[32:64, 32:64] = True
    assert has_block(valid)
    assert not has_block(valid[1:])
    assert not has_block(valid[:20])


def test_a_border_cut_is_the_toolboxs() -> None:
    assert crop_slices("ms.tif", 256, 256, 21) == (slice(20, 235), slice(20, 235))
    assert crop_slices("ms.tif", 40, 256, 0) == (slice(0, 40), slice(0, 256))
    with pytest.raises(InputError, match="--crop"):
        crop_slices("ms.tif", 72, 256, 21)


def test_t_quantiles_are_students() -> None:
    for freedom in (*range(1, 30), 100, 1000):
        assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=5e-3)


def test_summaries() -> None:
    values = [0.5, 0.7, 0.9, 0.4]
    summary = summarise([{"q2n": value, "psnr": math.inf} for value in values])
    assert summary.mean == {"q2n": pytest.approx(np.mean(values)), "psnr": math.inf}
    assert summary.std["q2n"] == pytest.approx(np.std(values, ddof=1))
    interval = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert summary.ci95["q2n"] == pytest.approx((interval[1] - interval[0]) / 2, rel=5e-3)
    assert math.isnan(summary.std["psnr"])
    assert math.isnan(summarise([{"q2n": 1.0}]).std["q2n"])


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("hqnr<0.9", ["b"]),
        ("hqnr<=0.95", ["a", "b"]),
        ("a:hqnr>0.9", ["a"]),
        ("b : hqnr > 0.9", []),
        ("d_s>1", ["a"]),
    ],
)
def test_conditions(text: str, fails: list[str]) -> None:
    rows: dict[str, Scores] = {"a": {"hqnr": 0.95, "d_s": math.nan}, "b": {"hqnr": 0.8, "d_s": 0.1}}
    condition = parse_condition(text, ["hqnr", "d_s"], ["a", "b"])
    assert [line.split()[0] for line in condition.failures(rows, ["a", "b"])] == fails


def test_what_no_number_is_passes_no_condition() -> None:
    condition = parse_condition("d_s<0", ["d_s"], ["a"])
    assert condition.failures({"a": {"d_s": math.nan}}, ["a"]) == ["a has d_s nan (d_s<0)"]


def test_better_is_a_matter_of_the_metric() -> None:
    assert METRICS["sam"].better(1, 2)
    assert METRICS["q2n"].better(2, 1)
    assert METRICS["q2n"].better(1, math.nan)
    assert not METRICS["q2n"].better(math.nan, 1)


def test_products_are_called_by_their_names() -> None:
    assert product_names(("/a/x.tif", "/b/y.tif")) == ("x", "y")
    assert product_names(("/a/x.tif", "/b/x.tif")) == ("/a/x.tif", "/b/x.tif")
    with pytest.raises(UsageError, match="given twice"):
        product_names(("x.tif", "x.tif"))


def test_the_ms_moves_to_the_models_phase() -> None:
    rows = np.arange(24.0)[:, None] * np.ones((1, 24))
    ms = np.stack([rows, rows.T]).astype(np.float32) * 10
    sample = Sample(
        name="x",
        pan=np.zeros((96, 96), np.float32),
        ms=ms,
        lms=np.zeros((2, 96, 96), np.float32),
        valid=np.ones((96, 96), np.bool_),
        inner=(slice(None), slice(None)),
        phase=2.0,
    )
    moved = array_source(sample, tiny.model()).ms
    # A model pixel centred half a PAN pixel earlier sees an eighth of an MS step less.
    np.testing.assert_allclose(moved[:, 8:-8, 8:-8], ms[:, 8:-8, 8:-8] - 1.25, atol=1e-3)


@pytest.mark.parametrize("method", ["ssdiff", "gsa"])
def test_a_row_is_what_sharpen_writes(
    scene_factory: SceneFactory, tmp_path: Path, method: str
) -> None:
    scene = scene_factory(size=128)
    model, output = tmp_path / "tiny.safetensors", tmp_path / "fused.tif"
    save_checkpoint(model, tiny.model())
    pair = (str(scene.pan), str(scene.ms))
    named = ["--model", str(model)] if method == "ssdiff" else []
    made = CliRunner().invoke(
        app, ["sharpen", *pair, "-o", str(output), "--method", method, "--sensor", "qb", *named]
    )
    assert made.exit_code == 0, made.output
    request = EvaluationRequest(
        full=pair,
        fused=(str(output),),
        methods=(method, "exp"),
        sensor="qb",
        model=str(model) if named else None,
    )
    with raster_env(), open_plan(request) as plan:
        images = {event.method: event.image for event in score(plan) if isinstance(event, Fused)}
    assert list(images) == ["fused", method, "exp"]
    np.testing.assert_array_equal(images[method], images["fused"])
    np.testing.assert_array_equal(images["fused"], read_whole(str(output)).pixels)


def test_pieces_give_the_figures_of_the_scene(
    scene_factory: SceneFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_factory(size=320, ms_nodata=0)

    request = EvaluationRequest(full=(str(scene.pan), str(scene.ms)), methods=("exp",))
    whole = evaluate(request).means()["exp"]
    monkeypatch.setattr(pair, "pieces", partial(pieces, side=96))
    # The low-pass PAN sees a little beyond the margin of a piece.
    assert evaluate(request).means()["exp"] == pytest.approx(whole, rel=1e-5, abs=1e-6)


def test_without_a_shipped_model_the_default_rows_say_so(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=324, ratio=3, sensor="qb", offset=(0.0, 0.0), margin=0)
    request = EvaluationRequest(reduced=(str(scene.pan), str(scene.ms)), ratio=3)
    with raster_env(), open_plan(request) as plan:
        assert "ssdiff" not in plan.fusers
        (note,) = [note for note in plan.settings.notes if note.level == logging.WARNING]
    assert note.text.startswith("ssdiff is left out: no shipped model serves")
