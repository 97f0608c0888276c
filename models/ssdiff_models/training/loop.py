"""The training loop as a generator: its caller validates, saves and decides when to stop."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.files import atomic
from ssdiff_models.nets.network import Branch, Network
from ssdiff_models.parallel.threads import prefetch
from ssdiff_models.training.batches import Batch, BatchSampler
from ssdiff_models.training.chance import Part, step_generator
from ssdiff_models.training.config import TrainingConfig

__all__ = ["ALONE", "Execution", "StepReport", "Trainer"]


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
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        sizes = [gradient.numel() for gradient in gradients]
        means = torch.split(self.mean(flat), sizes)
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))


ALONE = Execution()
"""One process, float32."""


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


ExtraLoss = Callable[[Network, int], Tensor]
"""``extra(network, step)``: a term of the loss beside that of the batch."""


class Trainer:
    """A network, its moving average and its optimiser; `run` yields a report a step."""

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        extra: ExtraLoss | None = None,
        *,
        execution: Execution = ALONE,
    ) -> None:
        """Begins to train a network in place; `extra` is added to its loss."""
        self.config = config
        self._extra = extra
        self._execution = execution
        self.network = network.channels_last()
        average = copy.deepcopy(network)
        self.average = average.requires_grad_(requires_grad=False).eval()
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0

    def run(self, sampler: BatchSampler) -> Iterator[StepReport]:
        """Trains from the current step to the last one of the config.

        Raises:
            ModelError: When the loss is not finite; the moving average is still the last good one.
        """
        self.network.train()
        with closing(prefetch(sampler.batches(self.step, self.config.total), depth=1)) as batches:
            for batch in batches:
                yield self._advance(batch)

    def _advance(self, batch: Batch) -> StepReport:
        rate = self.config.rate(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._freeze(self.config.branch(self.step))
        loss = self._loss(batch)
        if self._extra is not None:
            loss = loss + self._extra(self.network, self.step)
        value = float(self._execution.mean(loss))
        self._check_finite("loss", value)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._execution.average_gradients(self.network.parameters())
        gradient = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        norm = float(gradient)
        self._check_finite("gradient", norm)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return StepReport(step=self.step, loss=value, rate=rate, gradient=norm)

    def _check_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise ModelError(
                f"training diverged at step {self.step}: the {name} is {value}; "
                "lower the learning rate or raise the warm-up"
            )

    def _freeze(self, trained: Branch | None) -> None:
        """Leaves gradients to one branch; a network of one branch keeps all."""
        for name, parameter in self.network.named_parameters():
            branch = self.network.branch_of(name)
            parameter.requires_grad_(trained is None or branch in {trained, None})

    def _loss(self, batch: Batch) -> Tensor:
        """Distance between the residual and its estimate (Eq. 2, Algorithm 1)."""
        config = self.config
        device = next(self.network.parameters()).device
        generator = step_generator(config.seed, self.step, Part.NOISE)
        schedule = config.schedule
        count = len(batch.gt)
        t = torch.randint(0, schedule.steps, (count,), generator=generator)
        state = (batch.gt - batch.lms) * config.residual_scale
        noise = torch.randn(state.shape, generator=generator)
        alone = torch.rand(count, generator=generator) < config.from_zero
        t[alone] = schedule.steps - 1
        noisy = schedule.add_noise(state, t, noise)
        noisy[alone] = 0
        share = self._execution.share
        lms, pan, ms, x_t = (
            share(image).to(device, memory_format=torch.channels_last)
            for image in (batch.lms, batch.pan, batch.ms, noisy)
        )
        own_t = share(t).to(device)
        own_state = share(state).to(device)
        with self._execution.autocast(device):
            estimate = self.network(lms=lms, pan=pan, ms=ms, x_t=x_t, t=own_t)
        distance = nn.functional.l1_loss if config.loss == "l1" else nn.functional.mse_loss
        return distance(estimate.float(), own_state)

    @torch.no_grad()
    def _update_average(self) -> None:
        # A short memory at first, or the average would carry the initial weights along.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        averages = [*self.average.parameters(), *self.average.buffers()]
        values = [*self.network.parameters(), *self.network.buffers()]
        for mean, live in zip(averages, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(live, 1 - decay)
            else:
                mean.copy_(live)

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
        except (OSError, RuntimeError) as error:
            # Torch raises a RuntimeError where the disk is full.
            raise ResourceError(
                f"{path}: cannot write the training state ({error}): free some space"
            ) from error

    def resume(self, path: Path) -> None:
        """Continues from a file of `save`; the number of steps and the decay may be longer now.

        Raises:
            ModelError: When the file is no such state or belongs to another network.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])
        except MemoryError:
            raise
        except Exception as error:
            raise ModelError(
                f"{path}: not a training state of this network ({type(error).__name__}): "
                "start anew or name another file"
            ) from error
