import math
from dataclasses import replace

import pytest
import torch

from ssdiff_models.metrics import ergas, q2n, sam
from ssdiff_models.training.validation import fuse_scene, score
from tests.models.tiny import model
from tests.models.training.pieces import wald_scene


def test_a_scene_of_any_size_is_fused_in_one_piece() -> None:
    scene = wald_scene(side=60)
    fused = fuse_scene(model(), scene, steps=2)
    assert fused.shape == scene.gt.shape
    assert torch.equal(fused, fuse_scene(model(), scene, steps=2))


def test_scores_are_the_metrics_in_dn() -> None:
    scene = wald_scene()
    truth, lms = scene.denormalise(scene.gt), scene.denormalise(scene.lms)
    told = score(scene, scene.lms)
    assert told.sam == pytest.approx(sam(lms, truth))
    assert told.ergas == pytest.approx(ergas(lms, truth, ratio=4))
    perfect = score(scene, scene.gt)
    assert perfect.ergas == 0
    assert perfect.sam == pytest.approx(0, abs=0.05)


def test_q2n_counts_in_integers_and_is_missing_where_no_block_is_whole() -> None:
    scene = wald_scene()
    truth, lms = scene.denormalise(scene.gt), scene.denormalise(scene.lms)
    assert score(scene, scene.lms).q2n == pytest.approx(q2n(lms, truth))
    reflectance = replace(scene, means=tuple(mean / 10_000 for mean in scene.means))
    assert score(reflectance, reflectance.lms).q2n == pytest.approx(q2n(lms, truth), abs=1e-4)
    holed = scene.valid.clone()
    holed[::16, ::16] = False
    assert math.isnan(score(replace(scene, valid=holed), scene.lms).q2n)
