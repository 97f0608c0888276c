"""Noise schedules of the process ``q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)``."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from ssdiff_models.errors import ModelError, UsageError

__all__ = ["Schedule", "ScheduleName"]

ScheduleName = Literal["cosine", "linear"]

_COSINE_OFFSET = 0.008
_LARGEST_BETA = 0.999


def _cosine_betas(steps: int) -> Tensor:
    """Returns the betas of Nichol and Dhariwal (arXiv 2102.09672, Eq. 17), clipped at 0.999."""

    def abar(fraction: float) -> float:
        return math.cos((fraction + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * math.pi / 2) ** 2

    betas = [min(1 - abar((t + 1) / steps) / abar(t / steps), _LARGEST_BETA) for t in range(steps)]
    return torch.tensor(betas, dtype=torch.float64)


def _linear_betas(steps: int) -> Tensor:
    """Returns the betas of Ho et al. (arXiv 2006.11239, section 4), scaled from 1000 steps."""
    return torch.linspace(0.1 / steps, min(20 / steps, _LARGEST_BETA), steps, dtype=torch.float64)


@lru_cache(maxsize=8)
def _alphas_cumprod(name: ScheduleName, steps: int) -> Tensor:
    betas = _cosine_betas(steps) if name == "cosine" else _linear_betas(steps)
    return torch.cumprod(1 - betas, dim=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A noise schedule by name, as a checkpoint's header stores it."""

    name: ScheduleName = "cosine"
    """Which betas."""
    steps: int = 1000
    """Number of time steps T; t runs from 0 (least noise) to T - 1 (nearly pure noise)."""

    def __post_init__(self) -> None:
        if self.name not in get_args(ScheduleName):
            known = ", ".join(get_args(ScheduleName))
            raise ModelError(
                f"unknown noise schedule {self.name!r} (known: {known}): "
                "the model needs another version of ssdiff"
            )
        if self.steps < 1:
            raise ModelError(
                f"a noise schedule needs at least one time step, got {self.steps}: "
                "the model file is damaged"
            )

    @property
    def alphas_cumprod(self) -> Tensor:
        """Returns abar_t for t = 0 .. T - 1, shape ``(T,)``, float64 on the CPU."""
        return _alphas_cumprod(self.name, self.steps).clone()

    def timesteps(self, count: int) -> tuple[int, ...]:
        """Returns `count` evenly spaced time steps from T - 1 down ("trailing" spacing).

        Sampling starts from pure noise, and only the states of T - 1 are nearly that. Other
        spacings tell the network of a signal that is absent (Lin et al., arXiv 2305.08891).

        Raises:
            UsageError: When `count` is not between 1 and T.
        """
        if not 1 <= count <= self.steps:
            raise UsageError(
                f"the number of sampling steps must be between 1 and {self.steps}, got {count}: "
                "choose another --steps"
            )
        return tuple(round(self.steps * (count - k) / count) - 1 for k in range(count))

    def add_noise(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draws ``sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise`` (Eq. 14 of the paper).

        Args:
            x_0: Clean state, ``(batch, bands, rows, cols)``, float32.
            t: Time step of each sample, ``(batch,)``, integer.
            noise: Standard normal, of the shape of `x_0`.
        """
        abar = _alphas_cumprod(self.name, self.steps).reshape(-1, *[1] * (x_0.ndim - 1))
        return abar.sqrt().to(x_0)[t] * x_0 + (1 - abar).sqrt().to(x_0)[t] * noise
