"""Random training batches: patches of scenes, turned, flipped and scaled by random gains."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.errors import InputError
from ssdiff_models.scene.windows import Window
from ssdiff_models.training.chance import Part, step_generator
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["Batch", "BatchSampler", "cut_patch", "patch_origins"]


class Batch(NamedTuple):
    """Training patches, normalised; ``(B, bands, size, size)`` but for PAN and MS."""

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
        """Finds the patches of scenes with the same bands and ratio.

        Raises:
            InputError: When there are none.
        """
        pairs = [(scene, patch_origins(scene, config.size)) for scene in scenes]
        self._patches = [(scene, origins) for scene, origins in pairs if len(origins)]
        self._config = config
        self.scenes = tuple(scene for scene, _ in self._patches)
        """Those that have a patch."""
        if not self.scenes:
            sizes = [scene.gt.shape[-2:] for scene in scenes]
            rows, cols = max(sizes, key=prod, default=(0, 0))
            raise InputError(
                f"no training scene has room for a patch of {config.size} pixels; the largest "
                f"has {rows} x {cols} at reduced resolution, gaps included: choose a smaller patch"
            )
        self._shares = torch.tensor(_shares(self.scenes))

    def batches(self, first: int, stop: int) -> Iterator[Batch]:
        """Yields the batches of the steps from `first` up to but without `stop`."""
        for step in range(first, stop):
            yield self.draw(step)

    def draw(self, step: int) -> Batch:
        """Returns the batch of one step."""
        config = self._config
        generator = step_generator(config.seed, step, Part.PATCHES)
        chosen = torch.multinomial(
            self._shares, config.batch, replacement=True, generator=generator
        )
        patches = []
        for index in chosen.tolist():
            scene, origins = self._patches[index]
            patches.append(self._patch(scene, origins, generator))
        stacks = [torch.stack(images) for images in zip(*patches, strict=True)]
        return Batch(*stacks)

    def _patch(self, scene: WaldScene, origins: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Returns reference, prior image, PAN and MS of a patch."""
        place = int(torch.randint(0, len(origins), (1,), generator=generator))
        row, col = origins[place].tolist()
        size = self._config.size
        window = Window(row=row, col=col, rows=size, cols=size)
        images = cut_patch([scene.gt, scene.prior, scene.pan], scene.ms, window)
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
    """Returns the first pixels ``(n, 2)`` of valid patches, which begin where an MS pixel does."""
    if min(scene.valid.shape) < size:
        return torch.zeros(0, 2, dtype=torch.int64)
    gaps = (~scene.valid).float()[None]
    touched = max_pool2d(gaps, size, stride=scene.ratio)[0]
    return (touched == 0).nonzero() * scene.ratio


def cut_patch(images: Sequence[Tensor], ms: Tensor, window: Window) -> list[Tensor]:
    """Returns the part of images on the PAN grid in a window of whole MS pixels, then of the MS."""
    ratio = images[0].shape[-1] // ms.shape[-1]
    rows = slice(window.row, window.row_stop)
    cols = slice(window.col, window.col_stop)
    patches = [image[:, rows, cols] for image in images]
    small = window.coarser(ratio)
    rows = slice(small.row, small.row_stop)
    cols = slice(small.col, small.col_stop)
    return [*patches, ms[:, rows, cols]]


def _shares(scenes: Sequence[WaldScene]) -> list[float]:
    """A scene counts by its area, a sensor by the root of its area: none drowns the others."""
    totals: defaultdict[str, float] = defaultdict(float)
    for scene in scenes:
        totals[scene.sensor] += _area(scene)
    return [_area(scene) / max(totals[scene.sensor], 1.0) ** 0.5 for scene in scenes]


def _area(scene: WaldScene) -> float:
    return float(scene.valid.sum())
