"""The last layer of a network fitted to a scene in closed form, by ridge regression.

All layers but the last find details; the last one weighs them for each band, and on a scene unlike
those of the training its weights are most of the error. The normal equations take one pass over
the scene, seconds where gradient steps take minutes; a penalty keeps to the weights of training.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad, pixel_unshuffle, unfold

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.nets.network import Network
from ssdiff_models.training.validation import fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["PENALTIES", "fit_last_layer"]

PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""Ridges to try, in units of the features' mean square."""
ROWS = 64
"""Rows of pixels whose features, nine times as many, are in memory at a time."""
DARKEST = 0.05
"""Part of the scene's mean below which the weight of a pixel does not grow."""


def fit_last_layer(
    model: Checkpoint, scenes: Sequence[WaldScene], penalties: Sequence[float] = PENALTIES
) -> Iterator[Checkpoint]:
    """Yields models with the last layer fitted to the valid pixels of scenes, one a penalty.

    Errors count relative to a pixel's own brightness, as SAM's do: bright roofs then do not spoil
    the colours of dark ground. `penalties` are in units of the features' mean square.
    """
    layer = model.network.last_layer
    inputs = layer.in_channels * 9 + 1
    gram = torch.zeros(inputs, inputs, dtype=torch.float64)
    moments = torch.zeros(inputs, layer.out_channels, dtype=torch.float64)
    for scene in scenes:
        for columns, residuals, weights in _equations(model, scene):
            weighted = columns * weights
            gram += weighted @ columns.T
            moments += weighted @ residuals.T
    identity = torch.eye(inputs, dtype=torch.float64)
    unit = gram.diagonal().mean() * identity
    for penalty in penalties:
        regular = gram + penalty * unit
        change = torch.linalg.solve(regular, moments).T
        network = _changed(model.network, change)
        yield replace(model, network=network)


def _equations(model: Checkpoint, scene: WaldScene) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields features and a one ``(inputs, pixels)``, residuals ``(bands, pixels)``, weights."""
    features, fused = _features(model, scene)
    stride = model.network.stride
    residual = pixel_unshuffle((scene.gt - fused) * model.residual_scale, stride)
    gaps = (~scene.valid).float()[None]
    solid = max_pool2d(gaps, stride)[0] == 0
    square = (scene.prior + 1).square().mean(0, keepdim=True)
    level = avg_pool2d(square, stride)[0].clamp(min=DARKEST**2).double()
    for top in range(0, solid.shape[0], ROWS):
        rows = slice(top, top + ROWS)
        valid = solid[rows].flatten()
        if not bool(valid.any()):
            continue
        part = features[None, :, top : top + ROWS + 2]
        columns = unfold(part, 3)[0][:, valid].double()
        one = torch.ones(1, columns.shape[1], dtype=torch.float64)
        residuals = residual[:, rows].flatten(1)[:, valid].double()
        levels = level[rows].flatten()[valid]
        yield torch.cat([columns, one]), residuals, 1 / levels


def _features(model: Checkpoint, scene: WaldScene) -> tuple[Tensor, Tensor]:
    """Returns the last layer's input, a pixel wider on each side, and the fused scene."""
    seen: list[Tensor] = []
    layer = model.network.last_layer
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        fused = fuse_scene(model, scene)
    finally:
        hook.remove()
    rows, cols = (size // model.network.stride for size in scene.gt.shape[-2:])
    features = seen[0][0].cpu().float()
    padded = pad(features, (1, 1, 1, 1))
    return padded[:, : rows + 2, : cols + 2], fused


@torch.no_grad()
def _changed(network: Network, change: Tensor) -> Network:
    new = copy.deepcopy(network)
    layer = new.last_layer
    assert layer.bias is not None
    weights = change[:, :-1].reshape(layer.weight.shape)
    layer.weight.add_(weights.to(layer.weight))
    layer.bias.add_(change[:, -1].to(layer.bias))
    return new
