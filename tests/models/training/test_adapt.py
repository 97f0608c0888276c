"""Adapting to one scene: parts that lie apart, training that helps, an end when it does not."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import InputError
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.ssdiff import SSDiffConfig, Variant
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.training.adapt import AdaptConfig, Adapter, mixed
from ssdiff_models.training.consistency_term import FullScene, full_scene
from ssdiff_models.training.scene_parts import APART, divide
from ssdiff_models.training.validation import fuse_scene
from tests.models.tiny import network, randomised
from tests.models.training.pieces import landscape, wald_scene

CONFIG = AdaptConfig(steps=40, every=10, block=5, size=16, batch=2, learning_rate=3e-3)


GAINS = (0.3,) * 4
PHASE = 1.5


def full(side: int = 96) -> FullScene:
    pan, gt = landscape(side)
    ms = reduce_ms(gt, GAINS, 4, PHASE)
    means = (*(float(band.mean()) for band in ms), float(pan.mean()))
    valid = np.ones((side, side), np.bool_)
    return full_scene(pan, ms, means, valid=valid, gains=GAINS, prior="bt-h", phase=PHASE)


@torch.no_grad()
def distance_to_ms(net: torch.nn.Module, scene: FullScene) -> float:
    """Returns the mean absolute difference between the MS and what the sensor would see of the fused image."""
    images = {"lms": scene.prior[None], "pan": scene.pan[None], "ms": scene.ms[None]}
    noise = torch.randn(images["lms"].shape, generator=torch.Generator().manual_seed(0))
    fused = scene.prior + net(**images, x_t=noise, t=torch.full((1,), 999))[0]
    return float((reduce_ms(fused, scene.gains, 4, scene.phase) - scene.ms).abs().mean())


def test_the_parts_lie_apart() -> None:
    parts = divide(wald_scene(side=128))
    train, held, unseen = (part.valid for part in (parts.train, parts.held, parts.unseen))
    assert float(unseen.float().mean()) == pytest.approx(0.25, abs=0.01)
    assert 0.04 < float(held.float().mean()) < 0.1
    assert float(train.float().mean()) > 0.3
    near = (
        torch.nn.functional.max_pool2d(
            unseen.float()[None], 2 * APART - 1, stride=1, padding=APART - 1
        )[0]
        > 0
    )
    assert not bool((near & (train | held)).any())
    assert not bool((train & held).any())
    # The held-out blocks are spread over the other quarters.
    quarters = [held[rows : rows + 64, cols : cols + 64] for rows in (0, 64) for cols in (0, 64)]
    assert sum(bool(quarter.any()) for quarter in quarters) >= 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_parts_lie_where_pixels_are_valid(corner: tuple[int, int]) -> None:
    scene = wald_scene(side=128)
    valid = torch.ones_like(scene.valid)
    rows, cols = (slice(64 * part, 64 * part + 60) for part in corner)
    valid[rows, cols] = False
    parts = divide(dataclasses.replace(scene, valid=valid))
    assert (
        min(float(part.valid.float().mean()) for part in (parts.train, parts.held, parts.unseen))
        > 0.015
    )


def test_scenes_without_pixels_are_refused() -> None:
    scene = wald_scene(side=128)
    with pytest.raises(InputError, match="too few valid pixels"):
        divide(dataclasses.replace(scene, valid=torch.zeros_like(scene.valid)))


def test_what_decides_is_like_the_rest() -> None:
    scene = wald_scene(side=128)
    # The prior image is nearly right in two quarters and in half of the last one, which alone is like the rest, then.
    calm = torch.zeros_like(scene.valid)
    calm[:64, 64:], calm[64:, :64], calm[64:, 96:] = True, True, True
    gt = torch.where(calm, scene.prior + 0.01 * (scene.gt - scene.prior), scene.gt)
    parts = divide(dataclasses.replace(scene, gt=gt))
    errors = [
        float((gt - scene.prior)[:, part.valid].square().mean())
        for part in (parts.train, parts.held, parts.unseen)
    ]
    assert bool(parts.unseen.valid[127, 127])
    assert max(errors) < 2.5 * min(errors)


def test_small_scenes_are_divided_too() -> None:
    parts = divide(wald_scene(side=32))
    assert all(int(part.valid.sum()) >= 16 for part in (parts.train, parts.held, parts.unseen))


def test_adapting_helps_where_it_did_not_look() -> None:
    parts = divide(wald_scene(side=128))
    adapter = Adapter(network(), CONFIG, schedule=Schedule())
    reports = list(adapter.run([parts.train], [parts.held]))
    assert (reports[0].stage, reports[0].step) == ("start", 0)
    first, *others = ((report.ergas, report.sam) for report in reports)
    kept = [report for report in reports if report.best][-1]
    worst = [max(ergas / first[0], sam / first[1]) for ergas, sam in others]
    assert max(kept.ergas / first[0], kept.sam / first[1]) == pytest.approx(min(worst), rel=2e-4)
    (before,), (after,) = (adapter.scores(net, [parts.unseen]) for net in (network(), adapter.best))
    assert after[0] < before[0]
    assert after[1] < before[1]


def test_it_ends_when_nothing_is_gained_and_keeps_the_first_weights() -> None:
    parts = divide(wald_scene(side=128))
    idle = dataclasses.replace(CONFIG, learning_rate=0.0, patience=2)
    net = copy.deepcopy(network())
    # Whatever the last layer is fitted to is not what the held-out part wants.
    other = dataclasses.replace(
        parts.train, gt=parts.train.prior - 5 * (parts.train.gt - parts.train.prior)
    )
    held = dataclasses.replace(
        parts.held, gt=fuse_scene(net, parts.held, schedule=Schedule()) + 1e-3
    )
    adapter = Adapter(net, idle, schedule=Schedule())
    reports = list(adapter.run([other], [held]))
    assert [report.step for report in reports if report.stage == "training"] == [10, 20]
    assert [report.stage for report in reports if report.best] == ["start"]
    assert all(
        torch.equal(a, b) for a, b in zip(adapter.best.parameters(), net.parameters(), strict=True)
    )


def test_branches_take_turns() -> None:
    parts = divide(wald_scene(side=128))
    adapter = Adapter(
        network(), dataclasses.replace(CONFIG, steps=5, every=5, block=5), schedule=Schedule()
    )
    list(adapter.run([parts.train], [parts.held]))
    trained, start = adapter.trained, network()
    for (name, parameter), first in zip(
        trained.named_parameters(), start.parameters(), strict=True
    ):
        if not name.startswith("head.1."):  # fitted before
            assert torch.equal(parameter, first) == (start.branch_of(name) == "spectral"), name


@pytest.mark.parametrize("variant", ["spatial", "spectral"])
def test_a_network_of_one_branch_trains_all_of_it_in_every_step(variant: Variant) -> None:
    parts = divide(wald_scene(side=128))
    start = randomised(
        build(SSDiffConfig(bands=4, dim=16, window=8, time_width=32, variant=variant))
    )
    adapter = Adapter(
        start, dataclasses.replace(CONFIG, steps=5, every=5, block=5), schedule=Schedule()
    )
    list(adapter.run([parts.train], [parts.held]))
    pairs = zip(adapter.trained.named_parameters(), start.parameters(), strict=True)
    assert not [name for (name, parameter), first in pairs if torch.equal(parameter, first)]


def test_the_full_resolution_term_draws_towards_the_ms() -> None:
    parts, scene = divide(wald_scene(side=128)), full()
    # Far from its MS, which reduced resolution does not tell: only the term leads back.
    far = dataclasses.replace(scene, prior=scene.prior + 0.3)
    distances = []
    for weight in (0.0, 10.0):
        config = dataclasses.replace(CONFIG, consistency=weight, steps=20)
        adapter = Adapter(network(), config, schedule=Schedule(), full=[far])
        list(adapter.run([parts.train], [parts.held]))
        distances.append(distance_to_ms(adapter.trained, far))
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
