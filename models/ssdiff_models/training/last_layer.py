"""The last layer of a network fitted to a scene in closed form: ridge regression of what is missing on the features before it.

All layers but the last say which details there are, the last one says how much of each belongs to each band; on a scene unlike those of the
training, that is most of what is wrong. The normal equations take one pass over the scene, seconds where gradient steps take
minutes, and pull towards the weights that are there by a penalty.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.training.validation import fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["PENALTIES", "refitted"]

PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""Ridges to try, in units of the features' mean square."""
SEEDS = (1, 2)
"""Noises that the features are taken with: the layer must not rely on one."""
ROWS = 64
"""Rows of pixels that are held at a time, nine times their features."""
DARKEST = 0.05
"""Part of the scene's mean below which a pixel does not count for more."""


def refitted(
    network: nn.Module,
    scenes: Sequence[WaldScene],
    *,
    schedule: Schedule,
    residual_scale: float = 1.0,
    penalties: Sequence[float] = PENALTIES,
) -> Iterator[tuple[float, nn.Module]]:
    """Yields networks with the last layer fitted to the valid pixels of scenes, each with its penalty, the strongest first.

    Errors count relative to a pixel's own brightness, as SAM's do: by that, bright roofs do not spoil the colours of dark ground.

    Args:
        network: With a 3 x 3 convolution `readout` at its end.
        scenes: What to fit to.
        schedule: The network's.
        residual_scale: The network's.
        penalties: In units of the features' mean square.
    """
    layer = _layer(network)
    inputs = layer.in_channels * 9 + 1
    gram = torch.zeros(inputs, inputs, dtype=torch.float64)
    moments = torch.zeros(inputs, layer.out_channels, dtype=torch.float64)
    for scene in scenes:
        for seed in SEEDS:
            features, fused = _features(network, scene, schedule, residual_scale, seed)
            for columns, missing, weights in _equations(
                features, (scene.gt - fused) * residual_scale, scene
            ):
                weighted = columns * weights
                gram += weighted @ columns.T
                moments += weighted @ missing.T
    unit = gram.diagonal().mean() * torch.eye(inputs, dtype=torch.float64)
    for penalty in penalties:
        yield penalty, _changed(network, torch.linalg.solve(gram + penalty * unit, moments).T)


def _layer(network: nn.Module) -> nn.Conv2d:
    layer = network.readout
    assert isinstance(layer, nn.Conv2d)
    return layer


def _features(
    network: nn.Module, scene: WaldScene, schedule: Schedule, residual_scale: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Returns what the last layer sees ``(channels, rows + 2, cols + 2)``, and the fused scene."""
    seen: list[Tensor] = []
    hook = _layer(network).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        fused = fuse_scene(
            network, scene, schedule=schedule, residual_scale=residual_scale, seed=seed
        )
    finally:
        hook.remove()
    rows, cols = scene.gt.shape[-2:]
    return pad(seen[0][0].cpu().float(), (1, 1, 1, 1))[:, : rows + 2, : cols + 2], fused


def _equations(
    features: Tensor, missing: Tensor, scene: WaldScene
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields the features and a one ``(inputs, pixels)``, what is missing ``(bands, pixels)`` and the weights of valid pixels."""
    level = (scene.prior + 1).square().mean(0).clamp(min=DARKEST**2).double()
    for top in range(0, scene.valid.shape[0], ROWS):
        rows = slice(top, top + ROWS)
        valid = scene.valid[rows].flatten()
        if bool(valid.any()):
            columns = unfold(features[None, :, top : top + ROWS + 2], 3)[0][:, valid].double()
            one = torch.ones(1, columns.shape[1], dtype=torch.float64)
            yield (
                torch.cat([columns, one]),
                missing[:, rows].flatten(1)[:, valid].double(),
                1 / level[rows].flatten()[valid],
            )


@torch.no_grad()
def _changed(network: nn.Module, change: Tensor) -> nn.Module:
    new = copy.deepcopy(network)
    layer = _layer(new)
    assert layer.bias is not None
    layer.weight.add_(change[:, :-1].reshape(layer.weight.shape).to(layer.weight))
    layer.bias.add_(change[:, -1].to(layer.bias))
    return new
