"""Random training batches from scenes: crops, flips, rotations and gains, each step from its own seed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.errors import InputError
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["Ahead", "Batch", "BatchSampler", "Draws", "drawn_ahead", "patch_origins"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSampler:
    """Draws batches; the draw of a step depends on the seed and the step alone, so a resumed run sees the same patches."""

    scenes: tuple[WaldScene, ...]
    size: int
    """Side of a patch in PAN pixels."""
    batch: int
    ratio: int
    seed: int
    gain_jitter: float
    """Standard deviation of the logarithm of a patch's common gain."""
    band_jitter: float
    """Standard deviation of the logarithm of each band's own gain, PAN included."""
    _origins: tuple[Tensor, ...] = field(init=False, repr=False)
    _shares: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.scenes:
            raise InputError("no scene to train on")
        found = tuple(patch_origins(scene, self.size, self.ratio) for scene in self.scenes)
        for scene, places in zip(self.scenes, found, strict=True):
            if not len(places):
                raise InputError(
                    f"{scene.name}: no place for a patch of {self.size} among {tuple(scene.gt.shape[-2:])} pixels at reduced resolution "
                    "and their gaps; leave the scene out or use smaller patches"
                )
        object.__setattr__(self, "_origins", found)
        object.__setattr__(self, "_shares", torch.tensor(_weights(self.scenes)))

    def draw(self, step: int) -> Batch:
        """Returns the batch of one step."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        chosen = torch.multinomial(self._shares, self.batch, replacement=True, generator=generator)
        patches = [
            self._patch(self.scenes[index], self._origins[index], generator)
            for index in chosen.tolist()
        ]
        gt, lms, pan, ms = (torch.stack(images) for images in zip(*patches, strict=True))
        return Batch(gt=gt, lms=lms, pan=pan, ms=ms)

    def _patch(
        self, scene: WaldScene, origins: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        row, col = origins[int(torch.randint(0, len(origins), (1,), generator=generator))].tolist()
        rows, cols = slice(row, row + self.size), slice(col, col + self.size)
        small_rows, small_cols = (
            slice(part.start // self.ratio, part.stop // self.ratio) for part in (rows, cols)
        )
        images = (
            scene.gt[:, rows, cols],
            scene.prior[:, rows, cols],
            scene.pan[:, rows, cols],
            scene.ms[:, small_rows, small_cols],
        )
        turns, flip = (int(x) for x in torch.randint(0, 4, (2,), generator=generator))
        turned = [image.rot90(turns, (1, 2)) for image in images]
        if flip % 2:
            turned = [image.flip(2) for image in turned]
        return self._gained(turned, generator)

    def _gained(
        self, images: list[Tensor], generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gt, lms, pan, ms = images
        bands = len(gt)
        jitter = torch.randn(bands + 1, generator=generator) * self.band_jitter
        gains = (jitter + torch.randn(1, generator=generator) * self.gain_jitter).exp()[
            :, None, None
        ]
        per_band, of_pan = gains[:bands], gains[bands:]
        return (
            (gt + 1) * per_band - 1,
            (lms + 1) * per_band - 1,
            (pan + 1) * of_pan - 1,
            (ms + 1) * per_band - 1,
        )


def patch_origins(scene: WaldScene, size: int, ratio: int) -> Tensor:
    """Returns the first pixels ``(n, 2)`` of all square patches of valid pixels that begin on a whole MS pixel."""
    if min(scene.valid.shape) < size:
        return torch.zeros(0, 2, dtype=torch.int64)
    gaps = max_pool2d((~scene.valid).float()[None, None], size, stride=ratio)[0, 0]
    return (gaps == 0).nonzero() * ratio


def _weights(scenes: Sequence[WaldScene]) -> list[float]:
    """A scene counts by its area among its sensor's, a sensor by its area to the power 0.5: large ones count for more, yet none drowns."""
    areas = [float(scene.valid.sum()) for scene in scenes]
    totals: defaultdict[str, float] = defaultdict(float)
    for scene, area in zip(scenes, areas, strict=True):
        totals[scene.sensor] += area
    return [
        area / max(totals[scene.sensor], 1.0) ** 0.5
        for scene, area in zip(scenes, areas, strict=True)
    ]


class Draws(Protocol):
    """Draws the batch of a step; that of `BatchSampler` depends on the step alone, so it may come early."""

    def draw(self, step: int) -> Batch:
        """Returns the batch."""
        ...


class Ahead:
    """Draws of another, one step ahead on a thread of its own."""

    def __init__(self, draws: Draws, thread: ThreadPoolExecutor) -> None:
        self._draws, self._thread = draws, thread
        self._next: tuple[int, Future[Batch]] | None = None

    def draw(self, step: int) -> Batch:
        """Returns the batch of a step, and begins with that of the next one."""
        waiting = self._next[1] if self._next is not None and self._next[0] == step else None
        batch = self._draws.draw(step) if waiting is None else waiting.result()
        self._next = (step + 1, self._thread.submit(self._draws.draw, step + 1))
        return batch


@contextmanager
def drawn_ahead(draws: Draws) -> Iterator[Ahead]:
    """Yields draws that are a step ahead; the thread ends with the block."""
    with ThreadPoolExecutor(1, thread_name_prefix="ssdiff-batches") as thread:
        yield Ahead(draws, thread)
