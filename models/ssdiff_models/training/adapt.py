"""Fine-tuning on one scene at reduced resolution, stopped where pixels it does not train on stop improving.

First the last layer is fitted in closed form (`readout`), then the branches train in turns by gradient steps, as L-BAF does.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import torch
from torch import nn

from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.consistency_term import ConsistencyTerm, FullScene
from ssdiff_models.training.last_layer import refitted
from ssdiff_models.training.loop import Trainer, TrainingConfig
from ssdiff_models.training.validation import errors, fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["AdaptConfig", "AdaptReport", "Adapter", "Stage", "mixed"]

LEAST_GAIN = 1e-4
"""Part of the error that counts as progress: less is rounding."""
TINY = 1e-12
"""An error that is none, yet can be divided by."""
Stage = Literal["start", "last layer", "training"]
"""The network as it came, its last layer fitted in closed form, gradient steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptConfig:
    """How to adapt."""

    steps: int = 1500
    """Most optimiser steps; with 0 only the last layer is fitted."""
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

    stage: Stage
    step: int
    ergas: float
    sam: float
    best: bool
    """Whether these are the weights to keep so far."""


class Adapter:
    """A network on its way to a scene; `best` is the one to keep.

    The best is where the worse of ERGAS and SAM, each against what it was at first, is least: neither pays for the other.
    """

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
        self._config, self._schedule, self._scale, self._full = (
            config,
            schedule,
            residual_scale,
            full,
        )
        self._first = copy.deepcopy(network).requires_grad_(requires_grad=False).eval()
        self._trainer: Trainer | None = None
        self._start = AdaptReport(stage="start", step=0, ergas=1.0, sam=1.0, best=True)
        self._least = 1.0
        self.best: nn.Module = self._first
        """The best weights so far, at first those that came in."""

    @property
    def trained(self) -> nn.Module:
        """The weights as the last step left them."""
        return self._first if self._trainer is None else self._trainer.network

    def run(self, train: Sequence[WaldScene], held: Sequence[WaldScene]) -> Iterator[AdaptReport]:
        """Trains until the held-out part stops improving, and reports each look at it; the caller may stop at any.

        Raises:
            InputError: When no patch fits into the scenes.
            ModelError: When training diverges; `best` is then still good.
        """
        ergas, sam = self._errors(self._first, held)
        self._start = AdaptReport(stage="start", step=0, ergas=ergas, sam=sam, best=True)
        yield self._start
        begin, least = self._first, 1.0
        for _, network in refitted(
            self._first, train, schedule=self._schedule, residual_scale=self._scale
        ):
            report = self._look(network, held, "last layer", 0)
            mean = report.ergas / ergas * report.sam / sam
            begin, least = (network, mean) if mean < least else (begin, least)
            yield report
        if self._config.steps:
            yield from self._train(begin, train, held)

    def _train(
        self, begin: nn.Module, train: Sequence[WaldScene], held: Sequence[WaldScene]
    ) -> Iterator[AdaptReport]:
        """Takes gradient steps from `begin` on."""
        trainer = self._trainer = self._trainer_of(begin)
        idle = 0
        for step in trainer.run(self._sampler(train, trainer.config)):
            if step.step % self._config.every:
                continue
            report = self._look(trainer.average, held, "training", step.step)
            idle = 0 if report.best else idle + 1
            yield report
            if idle >= self._config.patience:
                return

    def _trainer_of(self, begin: nn.Module) -> Trainer:
        config = self._config
        training = TrainingConfig(
            steps=0,
            lbaf_steps=config.steps,
            lbaf_block=config.block,
            lbaf_rate=config.learning_rate,
            lbaf_warmup=2 * config.block,
            batch=config.batch,
            size=config.size,
            ema=config.ema,
            schedule=self._schedule,
            residual_scale=self._scale,
            gain_jitter=0.02,
            band_jitter=0.01,
            seed=config.seed,
        )
        return Trainer(
            copy.deepcopy(begin).requires_grad_(requires_grad=True), training, self._term()
        )

    def _term(self) -> ConsistencyTerm | None:
        config = self._config
        if not (self._full and config.consistency):
            return None
        return ConsistencyTerm(
            scenes=self._full,
            weight=config.consistency,
            side=2 * config.size,
            seed=config.seed,
            schedule=self._schedule,
            residual_scale=self._scale,
        )

    @staticmethod
    def _sampler(scenes: Sequence[WaldScene], config: TrainingConfig) -> BatchSampler:
        return BatchSampler(
            scenes=tuple(scenes),
            size=config.size,
            batch=config.batch,
            ratio=_ratio(scenes[0]),
            seed=config.seed,
            gain_jitter=config.gain_jitter,
            band_jitter=config.band_jitter,
        )

    def _look(
        self, network: nn.Module, held: Sequence[WaldScene], stage: Stage, step: int
    ) -> AdaptReport:
        ergas, sam = self._errors(network, held)
        # One band has no angles.
        worse = max(
            ergas / self._start.ergas, sam / self._start.sam if self._start.sam > TINY else 0.0
        )
        best = worse < self._least * (1 - LEAST_GAIN)
        if best:
            self._least, self.best = (
                worse,
                copy.deepcopy(network).requires_grad_(requires_grad=False).eval(),
            )
        return AdaptReport(stage=stage, step=step, ergas=ergas, sam=sam, best=best)

    def _errors(self, network: nn.Module, scenes: Sequence[WaldScene]) -> tuple[float, float]:
        angles, distances = zip(*self.scores(network, scenes), strict=True)
        return max(fmean(distances), TINY), max(fmean(angles), TINY)

    def scores(
        self, network: nn.Module, scenes: Sequence[WaldScene]
    ) -> tuple[tuple[float, float], ...]:
        """Returns SAM and ERGAS of a network on parts of scenes, one sampling step."""
        return tuple(
            errors(
                scene,
                fuse_scene(network, scene, schedule=self._schedule, residual_scale=self._scale),
                _ratio(scene),
            )
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
