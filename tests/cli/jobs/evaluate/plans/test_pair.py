"""Evaluations of a pair: pieces, and rows without a model."""

import logging

import pytest

from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.run import evaluate, open_plan
from ssdiff_cli.jobs.evaluate.samples import windows
from ssdiff_cli.rasters.gdal import raster_env
from tests.scenes import SceneFactory


def test_pieces_give_the_figures_of_the_scene(
    scene_factory: SceneFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_factory(size=320, ms_nodata=0)

    request = EvaluationRequest(full=(str(scene.pan), str(scene.ms)), methods=("exp",))
    whole = evaluate(request).means()["exp"]
    monkeypatch.setattr(windows, "PIECE", 128)
    # The low-pass PAN sees a little beyond the margin of a piece.
    assert evaluate(request).means()["exp"] == pytest.approx(whole, rel=1e-5, abs=1e-6)


def test_without_a_shipped_model_the_default_rows_say_so(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=324, ratio=3, sensor="qb", offset=(0.0, 0.0), margin=0)
    request = EvaluationRequest(reduced=(str(scene.pan), str(scene.ms)), ratio=3)
    with raster_env(), open_plan(request) as plan:
        assert "ssdiff" not in plan.fusers
        (note,) = [note for note in plan.settings.notes if note.level == logging.WARNING]
    assert note.text.startswith("ssdiff is left out: no shipped model serves")
