"""The training loop as a generator of step reports; the caller decides about progress, validation, checkpoints and when to stop."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import atomic
from ssdiff_models.nets.ssdiff import Branch
from ssdiff_models.training.batches import Batch, Draws
from ssdiff_models.training.execution import ALONE, Execution

__all__ = ["StepReport", "Trainer", "TrainingConfig"]

Count = Annotated[int, Ge(0)]
AtLeastOne = Annotated[int, Ge(1)]
NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How to train; with the data and the network's config, everything that decides the weights."""

    steps: Count
    """Optimiser steps of the main stage, decay included; those of L-BAF come on top."""
    batch: AtLeastOne = 12
    """Patches a step."""
    size: Annotated[int, Ge(8)] = 32
    """Side of a patch in PAN pixels, a multiple of the network's window."""
    learning_rate: Positive = 1.5e-3
    warmup: Count = 200
    """Steps over which the learning rate rises linearly."""
    decay: Count = 3000
    """Steps at the end over which the learning rate falls linearly to zero; it is constant before, so that a run can be extended."""
    weight_decay: NonNegative = 0.0
    loss: Literal["l1", "l2"] = "l1"
    """Distance between the state and its estimate: absolute, the paper's, or squared."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    ema: Share = 0.999
    """Decay of the exponential moving average of the weights, the ones that are shipped."""
    residual_scale: Positive = 1.0
    """Factor on the residual in the diffusion state; 1 is the paper's."""
    schedule: Schedule = field(default_factory=Schedule)
    lbaf_steps: Count = 0
    """Steps after the main stage that train one branch at a time, the other frozen (L-BAF, Section 3.4)."""
    lbaf_block: AtLeastOne = 100
    """Steps for which a branch trains before the other has its turn."""
    lbaf_share: Share = 0.5
    """Part of them that goes to the spatial branch."""
    lbaf_rate: NonNegative = 1e-4
    """Learning rate of L-BAF; it falls linearly to zero over its last quarter."""
    lbaf_warmup: Count = 0
    """Steps over which it rises linearly."""
    gain_jitter: NonNegative = 0.15
    band_jitter: NonNegative = 0.05
    seed: Count = 1

    @property
    def total(self) -> int:
        """Steps of both stages."""
        return self.steps + self.lbaf_steps

    def branch(self, step: int) -> Branch | None:
        """Returns the branch that a step trains; None in the main stage: both."""
        if step < self.steps:
            return None
        period = 2 * self.lbaf_block
        return "spatial" if (step - self.steps) % period < self.lbaf_share * period else "spectral"

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 0."""
        if step >= self.steps:
            # The optimiser's moments are of the main stage, or there are none yet.
            rise = (step - self.steps + 1) / max(self.lbaf_warmup, 1)
            return self.lbaf_rate * min(1.0, rise, 4 * (self.total - step) / self.lbaf_steps)
        rise = (step + 1) / max(self.warmup, 1)
        fall = (self.steps - step) / max(self.decay, 1)
        return self.learning_rate * max(min(1.0, rise, fall), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one training step did."""

    step: int
    """Steps done so far."""
    loss: float
    """Mean error of the state, of this batch: absolute or squared, as configured."""
    rate: float
    """Learning rate used."""
    gradient: float
    """Norm of the gradient before clipping."""


Extra = Callable[[nn.Module, int], Tensor]
"""``extra(network, step)``: a term of the loss beside that of the batch."""


class Trainer:
    """A network, its moving average and its optimiser; `run` yields a report a step."""

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        extra: Extra | None = None,
        *,
        execution: Execution = ALONE,
    ) -> None:
        """Takes the network, which is trained in place, what is added to its loss, and how steps are computed."""
        self.config, self._extra, self._execution = config, extra, execution
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(network).requires_grad_(requires_grad=False).eval()
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0

    def run(self, sampler: Draws) -> Iterator[StepReport]:
        """Trains from the current step to the last one of the config.

        Raises:
            ModelError: When the loss is no longer finite; the moving average is then still the last good one.
        """
        self.network.train()
        while self.step < self.config.total:
            yield self._advance(sampler.draw(self.step))

    def _advance(self, batch: Batch) -> StepReport:
        rate = self.config.rate(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._freeze(self.config.branch(self.step))
        loss = self._loss(batch)
        if self._extra is not None:
            loss = loss + self._extra(self.network, self.step)
        value = self._execution.common(loss)
        if not math.isfinite(value):
            raise ModelError(
                f"training diverged at step {self.step}: the loss is {value}; lower the learning rate or raise the warm-up"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._execution.average_gradients(self.network.parameters())
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip))
        if not math.isfinite(norm):
            raise ModelError(
                f"training diverged at step {self.step}: the gradient is {norm}; lower the learning rate"
            )
        self.optimiser.step()
        self.step += 1
        self._follow()
        return StepReport(step=self.step, loss=value, rate=rate, gradient=norm)

    def _freeze(self, trained: Branch | None) -> None:
        """Leaves gradients to one branch; the maps of the other are then constants, as if detached. A network of one branch keeps all."""
        for name, parameter in self.network.named_parameters():
            branch = self.network.branch_of(name)  # type: ignore[operator]
            parameter.requires_grad_(trained is None or branch in {trained, None})

    def _loss(self, batch: Batch) -> Tensor:
        """Distance between the clean state and its estimate (Eq. 2), the state being the residual (Algorithm 1)."""
        device = next(self.network.parameters()).device
        # Drawn on the CPU from the step alone: resume is bit-stable, and the same on every device.
        generator = torch.Generator().manual_seed((self.config.seed << 32) + self.step)
        t = torch.randint(0, self.config.schedule.steps, (len(batch.gt),), generator=generator)
        state = (batch.gt - batch.lms) * self.config.residual_scale
        noisy = self.config.schedule.add_noise(
            state, t, torch.randn(state.shape, generator=generator)
        )
        share = self._execution.share
        lms, pan, ms, x_t = (
            share(image).to(device, memory_format=torch.channels_last)
            for image in (batch.lms, batch.pan, batch.ms, noisy)
        )
        with self._execution.autocast(device):
            estimate = self.network(lms=lms, pan=pan, ms=ms, x_t=x_t, t=share(t).to(device))
        distance = nn.functional.l1_loss if self.config.loss == "l1" else nn.functional.mse_loss
        return distance(estimate.float(), share(state).to(device))

    @torch.no_grad()
    def _follow(self) -> None:
        # A short memory at first, or the average would carry the initial weights along.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for mean, live in pairs:
            mean.lerp_(live, 1 - decay)

    def save(self, path: Path) -> None:
        """Writes everything that a bit-exact resume needs, atomically.

        Raises:
            ResourceError: When the file cannot be written.
        """
        state = {
            "step": self.step,
            "config": asdict(self.config),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        try:
            with atomic(path) as part:
                torch.save(state, part)
        # On a full disk torch's writer raises a RuntimeError.
        except (OSError, RuntimeError) as error:
            raise ResourceError(
                f"{path}: cannot write the training state ({error}): free some space"
            ) from error

    def resume(self, path: Path) -> None:
        """Continues from a file of `save`; the number of steps and the decay may be longer than then.

        Raises:
            ModelError: When the file is no such state or belongs to another network.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])
        except (
            OSError,
            RuntimeError,
            LookupError,
            TypeError,
            ValueError,
            EOFError,
            AttributeError,
            UnpicklingError,
        ) as error:
            raise ModelError(
                f"{path}: not a training state of this network ({type(error).__name__}): start anew or name another file"
            ) from error
