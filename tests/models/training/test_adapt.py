"""Adapting to one scene: parts that lie apart, training that helps, an end when it does not."""

import copy
import dataclasses

import pytest
import torch

from ssdiff_models.errors import InputError
from ssdiff_models.schedule import Schedule
from ssdiff_models.training.adapt import APART, AdaptConfig, Adapter, FullScene, divide, full_scene, mixed
from tests.models.tiny import network
from tests.models.training.pieces import landscape, wald_scene

CONFIG = AdaptConfig(steps=40, every=10, block=5, size=16, batch=2, learning_rate=3e-3)


def full(side: int = 96) -> FullScene:
    pan, gt = landscape(side)
    ms = torch.nn.functional.avg_pool2d(gt[None], 4)[0]
    means = (*(float(band.mean()) for band in ms), float(pan.mean()))
    return full_scene(pan, ms, means, gains=(0.3,) * 4, prior="bt-h", phase=1.5)


def test_the_parts_lie_apart() -> None:
    parts = divide(wald_scene(side=128))
    train, held, unseen = (part.valid for part in (parts.train, parts.held, parts.unseen))
    assert float(unseen.float().mean()) == pytest.approx(0.25, abs=0.01)
    assert 0.04 < float(held.float().mean()) < 0.1
    assert float(train.float().mean()) > 0.3
    near = torch.nn.functional.max_pool2d(unseen.float()[None], 2 * APART - 1, stride=1, padding=APART - 1)[0] > 0
    assert not bool((near & (train | held)).any())
    assert not bool((train & held).any())
    # The held-out blocks are spread: some in each of the other quarters.
    assert all(
        bool(held[rows, cols].any())
        for rows, cols in ((slice(64), slice(64)), (slice(64), slice(64, 128)), (slice(64, 128), slice(64)))
    )


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_parts_lie_where_pixels_are_valid(corner: tuple[int, int]) -> None:
    scene = wald_scene(side=128)
    valid = torch.ones_like(scene.valid)
    rows, cols = (slice(64 * part, 64 * part + 60) for part in corner)
    valid[rows, cols] = False
    parts = divide(dataclasses.replace(scene, valid=valid))
    assert min(float(part.valid.float().mean()) for part in (parts.train, parts.held, parts.unseen)) > 0.03


def test_scenes_without_pixels_are_refused() -> None:
    scene = wald_scene(side=128)
    with pytest.raises(InputError, match="too few valid pixels"):
        divide(dataclasses.replace(scene, valid=torch.zeros_like(scene.valid)))


def test_adapting_helps_where_it_did_not_look() -> None:
    parts = divide(wald_scene(side=128))
    adapter = Adapter(network(), CONFIG, schedule=Schedule())
    reports = list(adapter.run([parts.train], [parts.held]))
    assert reports[0].step == 0
    assert min(report.ergas for report in reports) == [report.ergas for report in reports if report.best][-1]
    (before,), (after,) = (adapter.scores(net, [parts.unseen]) for net in (network(), adapter.best))
    assert after.ergas < before.ergas


def test_it_ends_when_nothing_is_gained_and_keeps_the_first_weights() -> None:
    parts = divide(wald_scene(side=128))
    idle = dataclasses.replace(CONFIG, learning_rate=0.0, patience=2)
    adapter = Adapter(network(), idle, schedule=Schedule())
    reports = list(adapter.run([parts.train], [parts.held]))
    assert [report.step for report in reports] == [0, 10, 20]
    assert all(torch.equal(a, b) for a, b in zip(adapter.best.parameters(), network().parameters(), strict=True))


def test_branches_take_turns() -> None:
    parts = divide(wald_scene(side=128))
    adapter = Adapter(network(), dataclasses.replace(CONFIG, steps=5, every=5, block=5), schedule=Schedule())
    list(adapter.run([parts.train], [parts.held]))
    trained, start = adapter.trained, network()
    for (name, parameter), first in zip(trained.named_parameters(), start.parameters(), strict=True):
        assert torch.equal(parameter, first) == (start.branch_of(name) == "spectral"), name


def test_the_full_resolution_term_draws_towards_the_ms() -> None:
    parts, scene = divide(wald_scene(side=128)), full()
    errors = []
    for weight in (0.0, 100.0):
        config = dataclasses.replace(CONFIG, consistency=weight, steps=30)
        adapter = Adapter(network(), config, schedule=Schedule(), full=[scene])
        list(adapter.run([parts.train], [parts.held]))
        with torch.no_grad():
            t = torch.full((1,), 999)
            noise = torch.randn(1, 4, 96, 96, generator=torch.Generator().manual_seed(0))
            inputs = {"lms": scene.prior[None], "pan": scene.pan[None], "ms": scene.ms[None]}
            fused = scene.prior + adapter.trained(**inputs, x_t=noise, t=t)[0]
        errors.append(float((torch.nn.functional.avg_pool2d(fused[None], 4)[0] - scene.ms).abs().mean()))
    assert errors[1] < errors[0]


def test_mixed_weights_lie_between() -> None:
    first, second = network(), copy.deepcopy(network())
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1.0)
    for share in (0.0, 0.25, 1.0):
        for a, b in zip(mixed(first, second, share).parameters(), first.parameters(), strict=True):
            torch.testing.assert_close(a, b + share)
