"""The settings of a training that decide its weights."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.nets.network import Branch

__all__ = ["TrainingConfig"]

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
    """Steps over which the rate falls to zero at the end; before, it is constant."""
    weight_decay: NonNegative = 0.0
    loss: Literal["l1", "l2"] = "l1"
    """Distance between the state and its estimate: absolute, the paper's, or squared."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    ema: Share = 0.999
    """Decay of the exponential moving average of the weights, which the model keeps."""
    residual_scale: Positive = 1.0
    """Factor on the residual in the diffusion state; 1 is the paper's."""
    schedule: Schedule = field(default_factory=Schedule)
    from_zero: Share = 0.0
    """Part of the patches that train what one step does: the last time step, from a state of 0."""
    lbaf_steps: Count = 0
    """Steps after the main stage that train one branch at a time (L-BAF, Section 3.4)."""
    lbaf_block: AtLeastOne = 100
    """Steps for which a branch trains before the other has its turn."""
    lbaf_share: Share = 0.5
    """Part of them that trains the spatial branch."""
    lbaf_rate: NonNegative = 1e-4
    """Learning rate of L-BAF; it falls linearly to zero over its last quarter."""
    lbaf_warmup: Count = 0
    """Steps over which it rises linearly."""
    gain_jitter: NonNegative = 0.15
    """Standard deviation of the logarithm of a patch's common gain."""
    band_jitter: NonNegative = 0.05
    """Standard deviation of the logarithm of each band's own gain, PAN included."""
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
        position = (step - self.steps) % period
        return "spatial" if position < self.lbaf_share * period else "spectral"

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 0."""
        if step >= self.steps:
            # The optimiser's moments are of the main stage, or there are none yet.
            rise = (step - self.steps + 1) / max(self.lbaf_warmup, 1)
            fall = 4 * (self.total - step) / self.lbaf_steps
            return self.lbaf_rate * min(1.0, rise, fall)
        rise = (step + 1) / max(self.warmup, 1)
        fall = (self.steps - step) / max(self.decay, 1)
        return self.learning_rate * max(min(1.0, rise, fall), 0.0)
