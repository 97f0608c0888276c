"""Adapting to one scene: training that helps, and an end when it does not."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.ssdiff import SSDiffConfig, Variant
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.training.adapt import (
    AdaptConfig,
    AdaptReport,
    adapt_model,
    mean_errors,
    mixed,
)
from ssdiff_models.training.consistency_term import FullScene
from ssdiff_models.training.scene_parts import SceneParts, split_scene
from ssdiff_models.training.validation import fuse_scene
from tests.models.tiny import model, network, randomised
from tests.models.training.pieces import RATIO_PRIOR, landscape, wald_scene

CONFIG = AdaptConfig(steps=40, every=10, block=5, size=16, batch=2, learning_rate=3e-3)
PHASE = 1.5


def parts() -> SceneParts:
    return split_scene(wald_scene(side=128))


def adapted(
    base: Checkpoint, full: tuple[FullScene, ...] = (), **changes: object
) -> list[AdaptReport]:
    scene = parts()
    config = dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
    scenes = {"train": [scene.train], "validation": [scene.validation]}
    return list(adapt_model(base, config, full=full, **scenes))


def full_scene(side: int = 96) -> FullScene:
    pan, gt = landscape(side)
    ms = reduce_ms(gt, RATIO_PRIOR.gains, 4, PHASE)
    means = (*(float(band.mean()) for band in ms), float(pan.mean()))
    valid = np.ones((side, side), np.bool_)
    return FullScene.normalised(pan, ms, means, valid=valid, degradation=RATIO_PRIOR, phase=PHASE)


@torch.no_grad()
def distance_to_ms(net: torch.nn.Module, scene: FullScene) -> float:
    """Returns the mean absolute difference of MS and fused image as the sensor would see it."""
    images = {"lms": scene.prior[None], "pan": scene.pan[None], "ms": scene.ms[None]}
    noise = torch.randn(images["lms"].shape, generator=torch.Generator().manual_seed(0))
    fused = scene.prior + net(**images, x_t=noise, t=torch.full((1,), 999))[0]
    return float((reduce_ms(fused, scene.gains, 4, scene.grid.phase) - scene.ms).abs().mean())


def test_adapting_helps_where_it_did_not_look() -> None:
    reports = adapted(model())
    assert (reports[0].stage, reports[0].step) == ("start", 0)
    first, *others = ((report.ergas, report.sam) for report in reports)
    kept = [report for report in reports if report.best][-1]
    worst = [max(ergas / first[0], sam / first[1]) for ergas, sam in others]
    assert max(kept.ergas / first[0], kept.sam / first[1]) == pytest.approx(min(worst), rel=2e-4)
    before, after = (mean_errors(one, [parts().test]) for one in (model(), kept.model))
    assert after[0] < before[0]
    assert after[1] < before[1]


def test_a_best_model_stays_as_it_is() -> None:
    reports = [report for report in adapted(model()) if report.best]
    assert len(reports) > 2
    for report in reports:
        assert mean_errors(report.model, [parts().validation]) == (report.sam, report.ergas)


def test_it_ends_when_nothing_is_gained_and_keeps_the_first_weights() -> None:
    scene, base = parts(), model()
    # Whatever the last layer is fitted to is not what the validation part wants.
    train = scene.train
    other = dataclasses.replace(train, gt=train.prior - 5 * (train.gt - train.prior))
    fused = fuse_scene(base, scene.validation)
    validation = dataclasses.replace(scene.validation, gt=fused + 1e-3)
    idle = dataclasses.replace(CONFIG, learning_rate=0.0, patience=2)
    reports = list(adapt_model(base, idle, train=[other], validation=[validation]))
    assert [report.step for report in reports if report.stage == "training"] == [10, 20]
    assert [report.stage for report in reports if report.best] == ["start"]
    kept = reports[0].model.network.parameters()
    assert all(torch.equal(a, b) for a, b in zip(kept, network().parameters(), strict=True))


def test_branches_take_turns() -> None:
    trained = adapted(model(), steps=5, every=5, block=5)[-1].model.network
    start = network()
    for (name, parameter), first in zip(
        trained.named_parameters(), start.parameters(), strict=True
    ):
        if not name.startswith("head.1."):  # fitted before
            assert torch.equal(parameter, first) == (start.branch_of(name) == "spectral"), name


@pytest.mark.parametrize("variant", ["spatial", "spectral"])
def test_a_network_of_one_branch_trains_all_of_it_in_every_step(variant: Variant) -> None:
    config = SSDiffConfig(bands=4, dim=16, window=8, time_width=32, variant=variant)
    start = randomised(build(config))
    trained = adapted(model(network=start), steps=5, every=5, block=5)[-1].model.network
    pairs = zip(trained.named_parameters(), start.parameters(), strict=True)
    assert not [name for (name, parameter), first in pairs if torch.equal(parameter, first)]


def test_the_full_resolution_term_draws_towards_the_ms() -> None:
    scene = full_scene()
    # Far from its MS, which reduced resolution does not tell: only the term leads back.
    far = dataclasses.replace(scene, prior=scene.prior + 0.3)
    distances = []
    for weight in (0.0, 10.0):
        reports = adapted(model(), (far,), consistency=weight, steps=20, ema=0.0)
        distances.append(distance_to_ms(reports[-1].model.network, far))
    without, drawn = distances
    assert without > 0.2
    assert drawn < without / 3


def test_mixed_weights_lie_between() -> None:
    first, second = network(), copy.deepcopy(network())
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1.0)
    for share in (0.0, 0.25, 1.0):
        for a, b in zip(mixed(first, second, share).parameters(), first.parameters(), strict=True):
            torch.testing.assert_close(a, b + share)
