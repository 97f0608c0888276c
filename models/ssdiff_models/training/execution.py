"""How the steps of a training are computed: precision, and several processes on one batch."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["ALONE", "Execution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Precision of the network and the rank of this process among those that train together."""

    precision: torch.dtype = torch.float32
    """Autocast dtype of the network call; float32: no autocast."""
    rank: int = 0
    """This process among all, from 0."""
    world: int = 1
    """Number of processes; each takes every `world`-th patch of a batch, a multiple of it."""

    def share(self, images: Tensor) -> Tensor:
        """Returns this process's part of a batch."""
        return images[self.rank :: self.world]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Returns the context of the network call."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, dtype=self.precision)

    def mean(self, value: Tensor) -> Tensor:
        """Returns the mean of a tensor over all processes."""
        value = value.detach().clone()
        if self.world > 1:
            torch.distributed.all_reduce(value)
            value /= self.world
        return value

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replaces gradients by their means over all processes, in one exchange."""
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        means = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


ALONE = Execution()
"""One process, float32."""
