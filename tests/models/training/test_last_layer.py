"""The last layer in closed form, against a plain least-squares solver."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, unfold

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.training.last_layer import fit_last_layer
from ssdiff_models.training.validation import fuse_scene, score
from ssdiff_models.training.wald_scene import WaldScene
from tests.models.tiny import model, network
from tests.models.training.pieces import wald_scene


def layer(net: nn.Module) -> nn.Conv2d:
    found = net.last_layer
    assert isinstance(found, nn.Conv2d)
    return found


def error(net: Checkpoint, scene: WaldScene) -> float:
    """What is fitted: the square error relative to the brightness, which is one in a square of pixels."""
    stride = net.network.stride
    squares = avg_pool2d((scene.prior + 1).square().mean(0, keepdim=True), stride)
    level = squares[0].repeat_interleave(stride, 0).repeat_interleave(stride, 1)
    wrong = (scene.gt - fuse_scene(net, scene)).square().sum(0) / level
    return float(wrong[scene.valid].sum())


@pytest.mark.parametrize(("scale", "stride"), [(1.0, 1), (3.0, 1), (1.0, 2)])
def test_no_other_last_layer_is_better(scale: float, stride: int) -> None:
    scene = wald_scene(side=48)
    net = network(window=8 * stride, unshuffle=stride)
    base = model(residual_scale=scale, network=net)
    (fitted,) = fit_last_layer(base, [scene], penalties=(1e-9,))
    least = error(fitted, scene)
    assert least < error(base, scene)
    generator = torch.Generator().manual_seed(0)
    for parameter in layer(fitted.network).parameters():
        change = 1e-2 * torch.randn(parameter.shape, generator=generator)
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * change)
                assert error(fitted, scene) > least
                parameter.sub_(sign * change)


def test_it_is_the_solution_of_the_normal_equations() -> None:
    scene = wald_scene(side=40)
    valid = torch.rand(scene.valid.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    scene = dataclasses.replace(scene, valid=valid)
    base = model()
    net = base.network
    level = (scene.prior + 1).square().mean(0).sqrt()[valid].double()
    seen: list[torch.Tensor] = []
    hook = layer(net).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    fused = fuse_scene(base, scene)
    hook.remove()
    columns = unfold(seen[0], 3, padding=1)[0].T[valid.flatten()].double()
    rows = torch.cat([columns, torch.ones(len(columns), 1)], 1) / level[:, None]
    targets = (scene.gt - fused)[:, valid].T.double() / level[:, None]
    solution = torch.linalg.lstsq(rows, targets, driver="gelsd").solution.T
    (fitted,) = fit_last_layer(base, [scene], penalties=(1e-12,))
    expected = layer(net).weight + solution[:, :-1].reshape(layer(net).weight.shape)
    torch.testing.assert_close(layer(fitted.network).weight, expected.float(), rtol=1e-2, atol=1e-3)


def test_a_strong_penalty_changes_nothing_and_none_changes_the_network_given() -> None:
    scene, base = wald_scene(side=48), model()
    before = layer(base.network).weight.clone()
    strong, weak = fit_last_layer(base, [scene], penalties=(1e9, 0.1))
    torch.testing.assert_close(layer(strong.network).weight, before)
    assert not torch.equal(layer(weak.network).weight, before)
    assert torch.equal(layer(base.network).weight, before)
    first, second = (score(scene, fuse_scene(fitted, scene)) for fitted in (strong, weak))
    assert second.ergas < first.ergas
