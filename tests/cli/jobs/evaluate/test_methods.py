"""Fusers give what the tool writes."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ssdiff_cli.app import app
from ssdiff_cli.jobs.evaluate.methods import array_source
from ssdiff_cli.jobs.evaluate.plan import Sample
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.run import open_plan
from ssdiff_cli.jobs.evaluate.scoring import Fused, score
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.whole_raster import read_whole
from ssdiff_models.checkpoint import save_checkpoint
from tests.models import tiny
from tests.scenes import SceneFactory


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
