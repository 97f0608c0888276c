"""A convolutional long short-term memory (Shi et al., NeurIPS 2015), without biases."""

import torch
from torch import Tensor, nn

__all__ = ["ConvLSTM", "State"]

State = tuple[Tensor, Tensor]
"""Output and cell, ``(B, C, H, W)`` each."""


class ConvLSTM(nn.Module):
    """One cell; all gates come from one 3 x 3 convolution of the input and the last output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1, bias=False)

    def forward(self, features: Tensor, state: State | None) -> State:
        """Returns the new state; it begins with zeros where there is none yet."""
        last, cell = state or (torch.zeros_like(features), torch.zeros_like(features))
        gates = self.gates(torch.cat([features, last], dim=1))
        enters, stays, leaves, value = gates.chunk(4, dim=1)
        cell = stays.sigmoid() * cell + enters.sigmoid() * value.tanh()
        return leaves.sigmoid() * cell.tanh(), cell
