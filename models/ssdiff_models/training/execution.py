"""How the steps of a training are computed: precision, and several processes on one batch."""

from collections.abc import Callable, Iterable
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
    reduce: Callable[[Tensor], None] | None = None
    """Replaces a tensor by its mean over all processes."""

    def share(self, images: Tensor) -> Tensor:
        """Returns this process's part of a batch."""
        return images[self.rank :: self.world]

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Returns the context of the network call."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, dtype=self.precision)

    def common(self, value: Tensor) -> float:
        """Returns the mean of a number over all processes."""
        value = value.detach().clone()
        if self.reduce is not None:
            self.reduce(value)
        return float(value)

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replaces gradients by their means over all processes, in one exchange."""
        if self.reduce is None:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.reduce(flat)
        means = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


ALONE = Execution()
"""One process, float32."""
