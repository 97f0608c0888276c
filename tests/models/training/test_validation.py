import math
from dataclasses import replace

import pytest
import torch

from ssdiff_models.metrics import ergas, q2n, sam
from ssdiff_models.nets.registry import BASELINES
from ssdiff_models.training.validation import fuse_scene, score
from tests.models.tiny import model, randomised
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


def test_a_network_that_looks_at_the_whole_tile_is_given_its_tiles() -> None:
    kind = BASELINES["lagconv"]
    torch.manual_seed(0)
    net = randomised(kind.build(kind.config(bands=4))).eval()
    scene = wald_scene(side=80)
    checkpoint = model(network=net, tile=32, overlap=16)
    fused = fuse_scene(checkpoint, scene)
    tile, own_ms = (
        (slice(None), slice(32, 80), slice(0, 48)),
        (slice(None), slice(8, 20), slice(12)),
    )
    lms, pan, ms = scene.prior[tile][None], scene.pan[tile][None], scene.ms[own_ms][None]
    with torch.no_grad():
        alone = lms + net(lms=lms, pan=pan, ms=ms, x_t=lms, t=torch.zeros(1))
    # The rest of the tile is shared with those above and to the right.
    assert torch.allclose(fused[:, 48:64, :32], alone[0, :, 16:32, :32], atol=1e-5)
    whole = fuse_scene(replace(checkpoint, tile=80, overlap=0), scene)
    assert not torch.allclose(fused[:, 48:64, :32], whole[:, 48:64, :32], atol=1e-3)
