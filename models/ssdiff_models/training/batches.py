"""Random training batches: patches of scenes, turned, flipped and scaled by random gains."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.errors import InputError
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["Batch", "BatchSampler", "patch_origins"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Training patches, normalised; ``(B, bands, size, size)`` unless said otherwise."""

    gt: Tensor
    lms: Tensor
    """The prior image."""
    pan: Tensor
    """``(B, 1, size, size)``."""
    ms: Tensor
    """``(B, bands, size/ratio, size/ratio)``."""


class BatchSampler:
    """Draws the batch of each step from the seed and the step alone: a resumed run repeats it."""

    def __init__(self, scenes: Sequence[WaldScene], config: TrainingConfig) -> None:
        """Finds the patches of the scenes.

        Args:
            scenes: At least one; all with the same bands and ratio.
            config: Size and number of patches, gains and seed.

        Raises:
            InputError: When there is no scene, or one without a patch.
        """
        if not scenes:
            raise InputError("no scene to train on")
        self.scenes = tuple(scenes)
        self._config = config
        self._origins = [patch_origins(scene, config.size) for scene in scenes]
        self._shares = torch.tensor(_shares(scenes))
        for scene, origins in zip(scenes, self._origins, strict=True):
            if not len(origins):
                raise InputError(
                    f"{scene.name}: no place for a patch of {config.size} among "
                    f"{tuple(scene.gt.shape[-2:])} pixels at reduced resolution and their gaps; "
                    "leave the scene out or use smaller patches"
                )

    def batches(self, first: int, stop: int) -> Iterator[Batch]:
        """Yields the batches of the steps from `first` up to but without `stop`."""
        for step in range(first, stop):
            yield self.draw(step)

    def draw(self, step: int) -> Batch:
        """Returns the batch of one step."""
        config = self._config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        chosen = torch.multinomial(
            self._shares, config.batch, replacement=True, generator=generator
        )
        patches = [self._patch(index, generator) for index in chosen.tolist()]
        gt, lms, pan, ms = (torch.stack(images) for images in zip(*patches, strict=True))
        return Batch(gt=gt, lms=lms, pan=pan, ms=ms)

    def _patch(self, index: int, generator: torch.Generator) -> list[Tensor]:
        """Returns reference, prior image, PAN and MS of a patch of one scene."""
        scene = self.scenes[index]
        origins = self._origins[index]
        chosen = int(torch.randint(0, len(origins), (1,), generator=generator))
        images = _cut(scene, origins[chosen].tolist(), self._config.size)
        turns, flip = torch.randint(0, 4, (2,), generator=generator).tolist()
        images = [image.rot90(turns, (1, 2)) for image in images]
        if flip % 2:
            images = [image.flip(2) for image in images]
        gains = self._gains(len(scene.gt), generator)
        of_bands = gains[:-1]
        factors = [of_bands, of_bands, gains[-1:], of_bands]
        return [(image + 1) * factor - 1 for image, factor in zip(images, factors, strict=True)]

    def _gains(self, bands: int, generator: torch.Generator) -> Tensor:
        """``(bands + 1, 1, 1)``: of each band, then of the PAN."""
        own = torch.randn(bands + 1, generator=generator) * self._config.band_jitter
        common = torch.randn(1, generator=generator) * self._config.gain_jitter
        return (own + common).exp()[:, None, None]


def patch_origins(scene: WaldScene, size: int) -> Tensor:
    """Returns the first pixels ``(n, 2)`` of square patches of valid pixels.

    Args:
        scene: The scene; each patch begins where an MS pixel does.
        size: Side of a patch in PAN pixels.
    """
    if min(scene.valid.shape) < size:
        return torch.zeros(0, 2, dtype=torch.int64)
    gaps = max_pool2d((~scene.valid).float()[None, None], size, stride=scene.ratio)[0, 0]
    return (gaps == 0).nonzero() * scene.ratio


def _cut(scene: WaldScene, origin: Sequence[int], size: int) -> list[Tensor]:
    row, col = origin
    ratio = scene.ratio
    fine = (slice(None), slice(row, row + size), slice(col, col + size))
    coarse = (
        slice(None),
        slice(row // ratio, (row + size) // ratio),
        slice(col // ratio, (col + size) // ratio),
    )
    return [scene.gt[fine], scene.prior[fine], scene.pan[fine], scene.ms[coarse]]


def _shares(scenes: Sequence[WaldScene]) -> list[float]:
    """A scene counts by its area, a sensor by the root of its area: none drowns the others."""
    areas = [float(scene.valid.sum()) for scene in scenes]
    totals: defaultdict[str, float] = defaultdict(float)
    for scene, area in zip(scenes, areas, strict=True):
        totals[scene.sensor] += area
    return [
        area / max(totals[scene.sensor], 1.0) ** 0.5
        for scene, area in zip(scenes, areas, strict=True)
    ]
