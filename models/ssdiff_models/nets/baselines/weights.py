"""Initial weights that some of the papers prescribe."""

import math

from torch import nn

__all__ = ["truncated_normal"]

GAIN = 2.6
"""Variance of a weight times the inputs of its neuron."""


def truncated_normal(network: nn.Module) -> None:
    """Draws the convolutions' weights within two standard deviations of 0; biases are 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            spread = math.sqrt(GAIN / layer.weight[0].numel())
            nn.init.trunc_normal_(layer.weight, std=spread, a=-2 * spread, b=2 * spread)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
