"""A pair at full resolution as a term of training: what is fused there, seen through the MTF, is the MS."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.consistency.project import project
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.fusion.prior import measure_images
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.source import BoolArray

__all__ = ["ConsistencyTerm", "FullScene", "full_scene"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullScene:
    """A pair at full resolution, in units of its bands' means minus 1: it has no reference but its own MS."""

    prior: Tensor
    """``(bands, rows, cols)``."""
    pan: Tensor
    """``(1, rows, cols)``."""
    ms: Tensor
    """``(bands, rows/ratio, cols/ratio)``."""
    gains: tuple[float, ...]
    """MTF gain of each band."""
    phase: float
    """PAN index of the centre of MS pixel 0."""


def full_scene(
    pan: Tensor,
    ms: Tensor,
    means: tuple[float, ...],
    *,
    valid: BoolArray,
    gains: tuple[float, ...],
    prior: PriorName,
    phase: float,
) -> FullScene:
    """Normalises a pair in DN by the means of bands and PAN.

    Args:
        pan: ``(rows, cols)``.
        ms: ``(bands, rows/ratio, cols/ratio)``.
        means: Of each band, then of the PAN.
        valid: ``(rows, cols)``: the pixels that the prior's numbers are taken from.
        gains: MTF gain of each band.
        prior: What the network corrects.
        phase: PAN index of the centre of MS pixel 0.
    """
    ratio, scale = pan.shape[-1] // ms.shape[-1], torch.tensor(means)[:, None, None]
    sharp, small = pan[None] / scale[-1:], ms / scale[:-1]
    first = upsample_image(small, ratio, phase)
    if prior != "lms":
        first = measure_images(sharp[0], small, valid, ratio=ratio, phase=phase).image(first, sharp)
    return FullScene(prior=first - 1, pan=sharp - 1, ms=small - 1, gains=gains, phase=phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyTerm:
    """Mean absolute difference to the nearest images that give the MS back, of one patch a step."""

    scenes: Sequence[FullScene]
    weight: float
    side: int
    """Of the patch, in PAN pixels."""
    seed: int
    schedule: Schedule
    residual_scale: float

    def __call__(self, network: nn.Module, step: int) -> Tensor:
        """Returns the weighted term of one step."""
        generator = torch.Generator().manual_seed((self.seed << 32) + step + 1)
        scene = self.scenes[int(torch.randint(0, len(self.scenes), (1,), generator=generator))]
        ratio = scene.pan.shape[-1] // scene.ms.shape[-1]
        device = next(network.parameters()).device
        prior, pan, ms = (image[None].to(device) for image in self._patch(scene, ratio, generator))
        t = torch.full((1,), self.schedule.steps - 1, device=device)
        noise = torch.randn(prior.shape, generator=generator).to(device)
        fused = prior + network(lms=prior, pan=pan, ms=ms, x_t=noise, t=t) / self.residual_scale
        nearest = project(
            fused, ms, gains=scene.gains, ratio=ratio, phase=scene.phase, iterations=1
        )
        term: Tensor = self.weight * (nearest - fused).abs().mean()
        return term

    def _patch(
        self, scene: FullScene, ratio: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        row, col = (
            int(torch.randint(0, (size - self.side) // ratio + 1, (1,), generator=generator))
            for size in scene.pan.shape[-2:]
        )
        small = slice(row, row + self.side // ratio), slice(col, col + self.side // ratio)
        large = tuple(slice(part.start * ratio, part.stop * ratio) for part in small)
        return scene.prior[:, *large], scene.pan[:, *large], scene.ms[:, *small]
