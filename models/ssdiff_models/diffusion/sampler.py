"""Deterministic samplers as generators; their only randomness is the start state.

Notation: a = sqrt(abar_t) and s = sqrt(1 - abar_t) are signal and spread at a time step, and
``lambda = log(a / s)``; after the last step abar is 1. Coefficients are float64, states float32.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ssdiff_models.diffusion.denoiser import Denoiser
from ssdiff_models.diffusion.schedule import Schedule

__all__ = ["SAMPLERS", "SamplerName", "SamplerStep", "ddim", "dpm_solver_pp", "sample"]

SamplerName = Literal["ddim", "dpmpp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerStep:
    """One step of a sampler."""

    index: int
    """Number of the step, from 0."""
    t: int
    """The time step of the denoiser call."""
    x_t: Tensor
    """The state before the step, ``(batch, bands, rows, cols)``, float32."""
    x0_hat: Tensor
    """The estimate of the clean state."""
    x_next: Tensor
    """The state after the step; after the last step the sample itself."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Signal and spread of one noise level."""

    signal: float
    spread: float

    @property
    def log_snr(self) -> float:
        """Half the log signal-to-noise ratio, lambda."""
        return math.log(self.signal / self.spread) if self.spread else math.inf

    def step(self, x_t: Tensor, x_0: Tensor, after: "_Level") -> Tensor:
        """Returns a' x_0 + s' eps with eps = (x_t - a x_0) / s."""
        ratio = after.spread / self.spread
        return ratio * x_t + (after.signal - ratio * self.signal) * x_0


def _levels(schedule: Schedule, timesteps: tuple[int, ...]) -> list[_Level]:
    """Returns the levels of `timesteps` and of the clean state after them."""
    abar = schedule.alphas_cumprod[list(timesteps)].tolist()
    return [_Level(math.sqrt(a), math.sqrt(1 - a)) for a in [*abar, 1.0]]


def _estimate(denoiser: Denoiser, x_t: Tensor, t: int) -> Tensor:
    return denoiser(x_t, torch.full((x_t.shape[0],), t, dtype=torch.int64, device=x_t.device))


def ddim(
    denoiser: Denoiser, noise: Tensor, schedule: Schedule, steps: int
) -> Iterator[SamplerStep]:
    """Yields the steps of DDIM with eta = 0 (Song et al., arXiv 2010.02502, Eq. 12).

    Args:
        denoiser: Estimates the clean state.
        noise: The start state x_T, standard normal, ``(batch, bands, rows, cols)``, float32.
        schedule: The schedule of training.
        steps: Number of denoiser calls; 1 gives x0_hat itself.

    Raises:
        UsageError: When `steps` is not between 1 and the schedule's T.
    """
    timesteps = schedule.timesteps(steps)
    levels = _levels(schedule, timesteps)
    x_t = noise
    for index, t in enumerate(timesteps):
        x0_hat = _estimate(denoiser, x_t, t)
        x_next = levels[index].step(x_t, x0_hat, levels[index + 1])
        yield SamplerStep(index=index, t=t, x_t=x_t, x0_hat=x0_hat, x_next=x_next)
        x_t = x_next


def dpm_solver_pp(
    denoiser: Denoiser, noise: Tensor, schedule: Schedule, steps: int
) -> Iterator[SamplerStep]:
    """Yields the steps of DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, Algorithm 2).

    It predicts data. The first and the last step are of first order, so one step gives x0_hat
    itself, and two steps equal DDIM. Arguments and errors are those of `ddim`.
    """
    timesteps = schedule.timesteps(steps)
    levels = _levels(schedule, timesteps)
    x_t = noise
    previous = None
    for index, t in enumerate(timesteps):
        now, after = levels[index : index + 2]
        x0_hat = _estimate(denoiser, x_t, t)
        data = x0_hat
        if previous is not None and after.spread:
            before = levels[index - 1]
            slope = (after.log_snr - now.log_snr) / (now.log_snr - before.log_snr)
            data = x0_hat + 0.5 * slope * (x0_hat - previous)
        # -a' (exp(-h) - 1) = a' - a s' / s, with h the step in lambda
        x_next = now.step(x_t, data, after)
        yield SamplerStep(index=index, t=t, x_t=x_t, x0_hat=x0_hat, x_next=x_next)
        x_t = x_next
        previous = x0_hat


SAMPLERS: dict[SamplerName, Callable[[Denoiser, Tensor, Schedule, int], Iterator[SamplerStep]]] = {
    "ddim": ddim,
    "dpmpp": dpm_solver_pp,
}
"""The samplers by their names on the command line."""


def sample(
    denoiser: Denoiser,
    noise: Tensor,
    schedule: Schedule,
    *,
    steps: int,
    sampler: SamplerName = "ddim",
) -> Tensor:
    """Returns the sample ``(batch, bands, rows, cols)``, float32; records no gradients.

    Raises:
        UsageError: When `steps` is not between 1 and the schedule's T.
    """
    x_0 = noise
    with torch.no_grad():
        for step in SAMPLERS[sampler](denoiser, noise, schedule, steps):
            x_0 = step.x_next
    return x_0
