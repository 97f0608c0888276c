"""A tiny set of training scenes and a trainer on it."""

import copy
from typing import Any

import torch
from torch import Tensor

from ssdiff_models.resampling.degrade import correlate
from ssdiff_models.resampling.mtf import lowpass_kernel
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.loop import Trainer
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_reference
from tests.models.tiny import network

__all__ = ["DEGRADATION", "RATIO_PRIOR", "landscape", "sampler", "trainer", "wald_scene"]

DEGRADATION = Degradation(gains=(0.3,) * 4, ratio=4)
RATIO_PRIOR = Degradation(gains=(0.3,) * 4, ratio=4, prior="bt-h")


def landscape(side: int, bands: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Returns a PAN ``(side, side)`` and a reference ``(bands, side, side)`` of positive DN with detail at all scales."""
    rough = torch.randn(2, side, side, generator=torch.Generator().manual_seed(seed))
    smooth = correlate(rough[:1], [lowpass_kernel(4)])[0] * 4
    pan = (500 + 80 * smooth + 30 * rough[1]).clamp(min=20)
    return pan, torch.stack(
        [pan * (0.5 + 0.2 * band) + 10 * smooth + 30 for band in range(bands)]
    ).clamp(min=1)


def wald_scene(name: str = "scene", side: int = 64, seed: int = 0) -> WaldScene:
    """Returns a training scene."""
    pan, gt = landscape(side, seed=seed)
    return from_reference(name, DEGRADATION, pan=pan, gt=gt)


def sampler(*scenes: WaldScene, **changes: Any) -> BatchSampler:
    """Returns a sampler of patches of 16 pixels, from two scenes unless others are named."""
    fields: dict[str, Any] = {"steps": 6, "size": 16, "batch": 3}
    config = TrainingConfig(**(fields | changes))
    return BatchSampler(scenes or (wald_scene(), wald_scene("other", 48, 1)), config)


def trainer(**changes: Any) -> Trainer:
    """Returns a trainer of the tiny network."""
    fields: dict[str, Any] = {
        "steps": 6,
        "batch": 3,
        "size": 16,
        "warmup": 2,
        "decay": 2,
        "learning_rate": 2e-3,
    }
    return Trainer(
        copy.deepcopy(network()).requires_grad_(requires_grad=True),
        TrainingConfig(**(fields | changes)),
    )
