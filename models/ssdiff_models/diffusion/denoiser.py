"""What a sampler needs of a model: an estimate of the clean state from a noisy one.

The state is the scaled residual ``s * r`` with ``r = HRMS - prior`` in the network's range.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ssdiff_models.errors import UsageError

__all__ = ["Denoiser", "ResidualDenoiser", "ResidualPredictor"]


class Denoiser(Protocol):
    """Estimates the clean state from a noisy one; its conditions are already bound."""

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Returns x0_hat, float32, of the shape of `x_t`.

        Args:
            x_t: Noisy state, ``(batch, bands, rows, cols)``, float32.
            t: Time step of each sample on the schedule of training, ``(batch,)``, int64.
        """
        ...


class ResidualPredictor(Protocol):
    """A network: predicts the scaled residual."""

    def __call__(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Returns ``(batch, bands, rows, cols)`` from images in the network's range."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualDenoiser:
    """A `Denoiser` around a network, in residual space."""

    network: ResidualPredictor
    """The network, in evaluation mode."""
    lms: Tensor
    """The prior image, ``(batch, bands, rows, cols)``, float32 in the network's range.

    It is the up-sampled MS in the paper.
    """
    pan: Tensor
    """PAN in the network's range, ``(batch, 1, rows, cols)``, float32."""
    ms: Tensor
    """MS in the network's range, ``(batch, bands, rows / ratio, cols / ratio)``, float32."""
    residual_scale: float = 1.0
    """The s of the state ``s * r``."""
    low: Tensor | None = None
    """Least fused value in the network's range, ``(bands,)`` or ``(batch, bands)``; None: any."""
    high: Tensor | None = None
    """Greatest fused value; both bounds are given, or neither."""
    precision: torch.dtype = torch.float32
    """Autocast dtype of the network call; all else is float32."""

    def __post_init__(self) -> None:
        if not self.residual_scale > 0:
            raise UsageError(f"the residual scale must be positive, got {self.residual_scale}")
        if (self.low is None) != (self.high is None):
            raise UsageError("the range of fused values needs both its bounds, or neither")

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Returns the scaled residual, clipped so that LMS + residual is between the bounds."""
        with self._autocast():
            state = self.network(lms=self.lms, pan=self.pan, ms=self.ms, x_t=x_t, t=t)
        return self._clip(state.float())

    def fuse(self, x_0: Tensor) -> Tensor:
        """Returns the fused image ``LMS + x_0 / s``, of the shape of the LMS, float32."""
        return self.lms + x_0 / self.residual_scale

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.lms.device.type, dtype=self.precision)

    def _clip(self, state: Tensor) -> Tensor:
        if self.low is None or self.high is None:
            return state
        # An infinite value is an error; clipped, it would look like data.
        state = state.where(state.isfinite(), torch.nan)
        low = self.low[..., None, None].to(self.lms) - self.lms
        high = self.high[..., None, None].to(self.lms) - self.lms
        return torch.clamp(state, low * self.residual_scale, high * self.residual_scale)
