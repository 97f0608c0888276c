"""Evaluations against a reference: strips of rows, and the part that a report shows."""

from pathlib import Path

import pytest

from ssdiff_cli.jobs.evaluate.plans import reference
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.run import evaluate, open_plan
from tests.cli.eval_calls import product
from tests.scenes import SceneFactory


def test_strips_give_the_figures_of_the_image(
    scene_factory: SceneFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_factory(size=192)
    fused = product(scene, tmp_path / "fused.tif", nodata=0)
    request = EvaluationRequest(fused=(str(fused),), reference=str(scene.truth))
    whole = evaluate(request).means()["fused"]
    monkeypatch.setattr(reference, "STRIP_VALUES", 1)
    seen = []
    strips = evaluate(request, lambda done, total, _pixels: seen.append((done, total)))
    assert strips.means()["fused"] == pytest.approx(whole, rel=1e-9)
    # 192 rows less the border cut are five strips of 32; one more sample is only shown.
    assert seen == [(done, 6) for done in range(7)]


def test_one_sample_of_a_unit_is_shown_and_the_others_are_scored(
    scene_factory: SceneFactory,
) -> None:
    truth = str(scene_factory(size=192).truth)
    with open_plan(EvaluationRequest(fused=(truth,), reference=truth)) as plan:
        samples = list(plan.samples)
    assert [(sample.shown, sample.scored) for sample in samples] == [(True, False), (False, True)]
    assert {sample.name for sample in samples} == {"rows 20 to 171, columns 20 to 171"}
