"""Fine-tuning on one scene at reduced resolution, one branch at a time, stopped where pixels it does not train on stop improving."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor, nn

from ssdiff_models.consistency import project
from ssdiff_models.errors import InputError
from ssdiff_models.prior import PriorName, measure_images
from ssdiff_models.schedule import Schedule
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.loop import Trainer, TrainingConfig
from ssdiff_models.training.validation import Score, fuse_scene, score
from ssdiff_models.training.wald import WaldScene, interpolate

__all__ = ["AdaptConfig", "AdaptReport", "Adapter", "FullScene", "Parts", "divide", "full_scene", "mixed"]

LEAST_GAIN = 1e-4
"""Part of the ERGAS that counts as progress: less is rounding."""
APART = 16
"""PAN pixels between the unseen quarter and what is trained on: the reach of the interpolator at ratio 4."""
BLOCK = 24
"""Greatest side of the held-out blocks, in PAN pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptConfig:
    """How to adapt."""

    steps: int = 1500
    """Most optimiser steps."""
    block: int = 50
    """Steps for which one branch trains."""
    learning_rate: float = 3e-4
    batch: int = 8
    size: int = 32
    """Side of a patch in PAN pixels at reduced resolution."""
    every: int = 50
    """Steps between looks at the held-out part."""
    patience: int = 10
    """Looks without progress after which it ends."""
    ema: float = 0.99
    consistency: float = 0.0
    """Weight of the full-resolution term: what is fused there, seen through the MTF, is the MS."""
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptReport:
    """One look at the held-out part."""

    step: int
    ergas: float
    sam: float
    best: bool
    """Whether these are the weights to keep so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One scene in three parts that lie apart: all images are whole, the masks differ."""

    train: WaldScene
    held: WaldScene
    """Where training stops is decided here."""
    unseen: WaldScene
    """A quarter that nothing is decided on: the report's."""


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
    pan: Tensor, ms: Tensor, means: tuple[float, ...], *, gains: tuple[float, ...], prior: PriorName, phase: float
) -> FullScene:
    """Normalises a pair in DN, PAN ``(rows, cols)`` and MS ``(bands, rows/ratio, cols/ratio)``, by the means of bands and PAN."""
    ratio, scale = pan.shape[-1] // ms.shape[-1], torch.tensor(means)[:, None, None]
    sharp, small = pan[None] / scale[-1:], ms / scale[:-1]
    first = interpolate(small, ratio, phase)
    if prior != "lms":
        valid = torch.ones(pan.shape, dtype=torch.bool).numpy()
        first = measure_images(sharp[0], small, valid, ratio=ratio, phase=phase).image(first, sharp)
    return FullScene(prior=first - 1, pan=sharp - 1, ms=small - 1, gains=gains, phase=phase)


class _Consistency:
    """The full-resolution term: mean absolute difference to the nearest images that give the MS back, of one patch a step."""

    def __init__(self, scenes: Sequence[FullScene], config: AdaptConfig, schedule: Schedule, residual_scale: float) -> None:
        self._scenes, self._config, self._schedule, self._scale = scenes, config, schedule, residual_scale

    def __call__(self, network: nn.Module, step: int) -> Tensor:
        generator = torch.Generator().manual_seed((self._config.seed << 32) + step + 1)
        scene = self._scenes[int(torch.randint(0, len(self._scenes), (1,), generator=generator))]
        ratio, side = scene.pan.shape[-1] // scene.ms.shape[-1], 2 * self._config.size
        row, col = (
            int(torch.randint(0, (size - side) // ratio + 1, (1,), generator=generator)) for size in scene.pan.shape[-2:]
        )
        large = slice(row * ratio, row * ratio + side), slice(col * ratio, col * ratio + side)
        small = slice(row, row + side // ratio), slice(col, col + side // ratio)
        device = next(network.parameters()).device
        prior, pan, ms = (
            image.to(device) for image in (scene.prior[None, :, *large], scene.pan[None, :, *large], scene.ms[None, :, *small])
        )
        t = torch.full((1,), self._schedule.steps - 1, device=device)
        noise = torch.randn(prior.shape, generator=generator).to(device)
        fused = prior + network(lms=prior, pan=pan, ms=ms, x_t=noise, t=t) / self._scale
        nearest = project(fused, ms, gains=scene.gains, ratio=ratio, phase=scene.phase, rounds=1)
        term: Tensor = self._config.consistency * (nearest - fused).abs().mean()
        return term


def divide(scene: WaldScene) -> Parts:
    """Divides a scene: a quarter in one corner is unseen, blocks all over the rest are held out, and what is left is trained on.

    Which corner follows from where valid pixels are: the division whose poorest part has most of them.

    Raises:
        InputError: When no division gives each part valid pixels.
    """
    rows, cols = scene.valid.shape
    plain = _masks(rows, cols)
    turned = [tuple(mask.flip(axes) for mask in plain) for axes in ((), (0,), (1,), (0, 1))]
    turned += [tuple(mask.mT.flip(axes) for mask in _masks(cols, rows)) for axes in ((), (0,), (1,), (0, 1))]
    least = [min(float((mask & scene.valid).sum() / mask.sum().clamp(min=1)) for mask in masks) for masks in turned]
    if max(least) == 0:
        raise InputError(f"{scene.name}: too few valid pixels to adapt to: use the model as it is")
    masks = turned[least.index(max(least))]
    train, held, unseen = (replace(scene, valid=scene.valid & mask) for mask in masks)
    return Parts(train=train, held=held, unseen=unseen)


def _masks(rows: int, cols: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the pixels to train on, the held-out blocks among them, and the lower right quarter, which lies apart."""
    train, held, unseen = (torch.zeros(rows, cols, dtype=torch.bool) for _ in range(3))
    row, col = rows // 2, cols // 2
    unseen[row:, col:] = True
    train[: row - APART], train[:, : col - APART] = True, True
    # Blocks all over, since one corner alone may be all water; a third of their side is kept free around them.
    side = max(8, min(BLOCK, min(rows, cols) // 10)) // 4 * 4
    for top in range(side, rows - side, 3 * side):
        for left in range(side, cols - side, 3 * side):
            if bool(train[top : top + side, left : left + side].all()):
                held[top : top + side, left : left + side] = True
                free = side // 3
                train[top - free : top + side + free, left - free : left + side + free] = False
    return train, held, unseen


class Adapter:
    """A network on its way to a scene; `best` is the one to keep."""

    def __init__(
        self,
        network: nn.Module,
        config: AdaptConfig,
        *,
        schedule: Schedule,
        residual_scale: float = 1.0,
        full: Sequence[FullScene] = (),
    ) -> None:
        """Takes a trained network, which is copied, and the pairs at full resolution where the consistency term is wanted."""
        self._config, self._schedule, self._scale = config, schedule, residual_scale
        self.best = copy.deepcopy(network).requires_grad_(requires_grad=False).eval()
        """The best weights so far, at first those that came in."""
        training = TrainingConfig(
            steps=0,
            lbaf_steps=config.steps,
            lbaf_block=config.block,
            lbaf_rate=config.learning_rate,
            lbaf_warmup=2 * config.block,
            batch=config.batch,
            size=config.size,
            ema=config.ema,
            schedule=schedule,
            residual_scale=residual_scale,
            gain_jitter=0.02,
            band_jitter=0.01,
            seed=config.seed,
        )
        extra = _Consistency(full, config, schedule, residual_scale) if full and config.consistency else None
        self._trainer = Trainer(copy.deepcopy(network).requires_grad_(requires_grad=True), training, extra)

    @property
    def trained(self) -> nn.Module:
        """The weights as the last step left them."""
        return self._trainer.network

    def run(self, train: Sequence[WaldScene], held: Sequence[WaldScene]) -> Iterator[AdaptReport]:
        """Trains until the held-out part stops improving, and reports each look at it; the caller may stop at any.

        Raises:
            InputError: When no patch fits into the scenes.
            ModelError: When training diverges; `best` is then still good.
        """
        least = self._look(self.best, held, 0, float("inf"))
        yield least
        best, idle = least.ergas, 0
        for step in self._trainer.run(self._sampler(train)):
            if step.step % self._config.every:
                continue
            report = self._look(self._trainer.average, held, step.step, best)
            if report.best:
                best, idle = report.ergas, 0
                self.best.load_state_dict(self._trainer.average.state_dict())
            else:
                idle += 1
            yield report
            if idle >= self._config.patience:
                return

    def _sampler(self, scenes: Sequence[WaldScene]) -> BatchSampler:
        config = self._trainer.config
        return BatchSampler(
            scenes=tuple(scenes),
            size=config.size,
            batch=config.batch,
            ratio=scenes[0].gt.shape[-1] // scenes[0].ms.shape[-1],
            seed=config.seed,
            gain_jitter=config.gain_jitter,
            band_jitter=config.band_jitter,
        )

    def _look(self, network: nn.Module, scenes: Sequence[WaldScene], step: int, best: float) -> AdaptReport:
        found = self.scores(network, scenes)
        ergas, sam = fmean(one.ergas for one in found), fmean(one.sam for one in found)
        return AdaptReport(step=step, ergas=ergas, sam=sam, best=ergas < best * (1 - LEAST_GAIN))

    def scores(self, network: nn.Module, scenes: Sequence[WaldScene]) -> tuple[Score, ...]:
        """Scores a network on parts of scenes, one sampling step."""
        return tuple(
            score(scene, fuse_scene(network, scene, schedule=self._schedule, residual_scale=self._scale), _ratio(scene))
            for scene in scenes
        )


def mixed(first: nn.Module, second: nn.Module, share: float) -> nn.Module:
    """Returns a network whose weights lie at `share` of the way from the first's to the second's."""
    network = copy.deepcopy(second)
    with torch.no_grad():
        for parameter, start in zip(network.parameters(), first.parameters(), strict=True):
            parameter.copy_(torch.lerp(start, parameter, share))
    return network


def _ratio(scene: WaldScene) -> int:
    return int(scene.gt.shape[-1] // scene.ms.shape[-1])
