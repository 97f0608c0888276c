"""A term of the loss at full resolution: the fused image, seen through the MTF, is the MS."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.project import project
from ssdiff_models.consistency.target import GridTarget
from ssdiff_models.fusion.prior import measure_images
from ssdiff_models.nets.network import Network
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.batches import cut_patch
from ssdiff_models.training.chance import Part, step_generator
from ssdiff_models.training.wald_scene import Degradation

__all__ = ["ConsistencyTerm", "FullScene"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullScene:
    """A pair at full resolution, in units of its bands' means minus 1; it has no reference."""

    prior: Tensor
    """``(bands, rows, cols)``."""
    pan: Tensor
    """``(1, rows, cols)``."""
    ms: Tensor
    """``(bands, rows/ratio, cols/ratio)``."""
    gains: tuple[float, ...]
    """MTF gain of each band."""
    grid: ModelGrid

    @classmethod
    def normalised(
        cls,
        pan: Tensor,
        ms: Tensor,
        means: tuple[float, ...],
        *,
        valid: BoolArray,
        degradation: Degradation,
        phase: float,
    ) -> "FullScene":
        """Divides a pair in DN by `means`, those of its bands and then of its PAN.

        `phase` is the PAN index of the centre of MS pixel 0; the prior is measured on `valid`
        pixels of the PAN ``(rows, cols)``.
        """
        grid = ModelGrid(ratio=degradation.ratio, phase=phase)
        scale = torch.tensor(means)[:, None, None]
        sharp = pan[None] / scale[-1:]
        coarse = ms / scale[:-1]
        prior = upsample_image(coarse, grid.ratio, grid.phase)
        if degradation.prior != "lms":
            ratio_prior = measure_images([(sharp[0], coarse, valid)], grid)
            prior = ratio_prior.image(prior, sharp)
        return cls(
            prior=prior - 1, pan=sharp - 1, ms=coarse - 1, gains=degradation.gains, grid=grid
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyTerm:
    """Mean absolute distance of a patch a step to the nearest image that gives the MS back."""

    scenes: Sequence[FullScene]
    weight: float
    side: int
    """Of the patch, in PAN pixels."""
    seed: int
    model: Checkpoint
    """Whose schedule and residual scale count."""

    def __call__(self, network: Network, step: int) -> Tensor:
        """Returns the weighted term of one step."""
        generator = step_generator(self.seed, step, Part.CONSISTENCY)
        scene = self.scenes[_drawn(len(self.scenes), generator)]
        device = next(network.parameters()).device
        window = self._window(scene, generator)
        patches = cut_patch([scene.prior, scene.pan], scene.ms, window)
        prior, pan, ms = (image[None].to(device) for image in patches)
        last = self.model.schedule.steps - 1
        t = torch.full((1,), last, device=device)
        noise = torch.randn(prior.shape, generator=generator)
        residual = network(lms=prior, pan=pan, ms=ms, x_t=noise.to(device), t=t)
        fused = prior + residual / self.model.residual_scale
        grid = scene.grid
        target = GridTarget(pixels=ms, phase=(grid.phase, grid.phase))
        nearest = project(fused, target, gains=scene.gains, ratio=grid.ratio, iterations=1)
        distance = (nearest - fused).abs()
        term: Tensor = self.weight * distance.mean()
        return term

    def _window(self, scene: FullScene, generator: torch.Generator) -> Window:
        """Returns whole MS pixels."""
        ratio = scene.grid.ratio
        _, rows, cols = scene.pan.shape
        down = (rows - self.side) // ratio + 1
        across = (cols - self.side) // ratio + 1
        row = ratio * _drawn(down, generator)
        col = ratio * _drawn(across, generator)
        return Window(row=row, col=col, rows=self.side, cols=self.side)


def _drawn(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(0, count, (1,), generator=generator))
