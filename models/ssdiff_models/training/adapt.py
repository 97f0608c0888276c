"""Fine-tuning on one scene at reduced resolution, ended by pixels that it does not train on.

The last layer is fitted in closed form (`last_layer`) before the branches train in turns by
gradient steps (L-BAF).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import torch

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.nets.network import Network
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.consistency_term import ConsistencyTerm, FullScene
from ssdiff_models.training.last_layer import fit_last_layer
from ssdiff_models.training.loop import Trainer
from ssdiff_models.training.validation import errors, fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

__all__ = [
    "AdaptConfig",
    "AdaptReport",
    "Stage",
    "adapt_model",
    "mean_errors",
    "mixed",
]

LEAST_GAIN = 1e-4
"""Part of the error that counts as progress: less is rounding."""
TINY = 1e-12
"""Least error, so that errors can be divided by it."""
Stage = Literal["start", "last layer", "training"]
"""The network as it was, its last layer fitted in closed form, gradient steps."""


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
    """Steps between reports."""
    patience: int = 10
    """Reports without progress after which it ends."""
    ema: float = 0.99
    consistency: float = 0.0
    """Weight of the full-resolution term: what is fused there, seen through the MTF, is the MS."""
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptReport:
    """The errors of a model on the validation scenes."""

    stage: Stage
    step: int
    ergas: float
    sam: float
    """Degrees."""
    best: bool
    """Whether this is the best model so far."""
    model: Checkpoint
    """A best model stays as it is; the network of another one trains on."""


def adapt_model(
    base: Checkpoint,
    config: AdaptConfig,
    *,
    train: Sequence[WaldScene],
    validation: Sequence[WaldScene],
    full: Sequence[FullScene] = (),
) -> Iterator[AdaptReport]:
    """Trains a copy of a model until the validation scenes stop improving.

    A model is best where the worse of ERGAS and SAM, each relative to its first value, is least:
    neither pays for the other. The caller may stop after any report.

    Args:
        base: The model to begin with.
        config: How to adapt.
        train: What to train on, at least one scene.
        validation: The scenes that decide where training ends, at least one.
        full: Pairs at full resolution for the consistency term.

    Raises:
        InputError: When no patch fits into the scenes.
        ModelError: When training diverges; the best model so far is still good.
    """
    judge = _Judge(base, validation)
    yield judge.first
    start = judge.first.model
    least = 1.0
    for model in fit_last_layer(start, train):
        report = judge.report(model, "last layer", 0)
        mean = report.ergas / judge.first.ergas * report.sam / judge.first.sam
        if mean < least:
            start = model
            least = mean
        yield report
    if config.steps:
        trainer = _trainer(start, config, full)
        yield from _trained(trainer, train, config, judge)


def _trained(
    trainer: Trainer, train: Sequence[WaldScene], config: AdaptConfig, judge: "_Judge"
) -> Iterator[AdaptReport]:
    idle = 0
    for step in trainer.run(BatchSampler(train, trainer.config)):
        if step.step % config.every:
            continue
        model = replace(judge.first.model, network=trainer.average)
        report = judge.report(model, "training", step.step)
        idle = 0 if report.best else idle + 1
        yield report
        if idle >= config.patience:
            return


def _trainer(model: Checkpoint, config: AdaptConfig, full: Sequence[FullScene]) -> Trainer:
    training = TrainingConfig(
        steps=0,
        lbaf_steps=config.steps,
        lbaf_block=config.block,
        lbaf_rate=config.learning_rate,
        lbaf_warmup=2 * config.block,
        batch=config.batch,
        size=config.size,
        ema=config.ema,
        schedule=model.schedule,
        residual_scale=model.residual_scale,
        from_zero=0.5,
        gain_jitter=0.02,
        band_jitter=0.01,
        seed=config.seed,
    )
    term = None
    if full and config.consistency:
        side = 2 * config.size
        weight = config.consistency
        term = ConsistencyTerm(scenes=full, weight=weight, side=side, seed=config.seed, model=model)
    network = copy.deepcopy(model.network).requires_grad_(requires_grad=True)
    return Trainer(network, training, term)


class _Judge:
    """Compares models on the validation scenes with the first one and with the best so far."""

    def __init__(self, base: Checkpoint, scenes: Sequence[WaldScene]) -> None:
        self._scenes = scenes
        self._least = 1.0
        model = _frozen(base)
        sam, ergas = mean_errors(model, scenes)
        self.first = AdaptReport(
            stage="start", step=0, ergas=ergas, sam=sam, best=True, model=model
        )

    def report(self, model: Checkpoint, stage: Stage, step: int) -> AdaptReport:
        """Returns the errors of a model."""
        sam, ergas = mean_errors(model, self._scenes)
        # One band has no angles.
        angle = sam / self.first.sam if self.first.sam > TINY else 0.0
        worse = max(ergas / self.first.ergas, angle)
        best = worse < self._least * (1 - LEAST_GAIN)
        if best:
            self._least = worse
            model = _frozen(model)
        return AdaptReport(stage=stage, step=step, ergas=ergas, sam=sam, best=best, model=model)


def mean_errors(model: Checkpoint, scenes: Sequence[WaldScene]) -> tuple[float, float]:
    """Returns mean SAM in degrees and mean ERGAS, at least `TINY` each, of one sampling step."""
    pairs = [errors(scene, fuse_scene(model, scene)) for scene in scenes]
    angles, distances = zip(*pairs, strict=True)
    return max(fmean(angles), TINY), max(fmean(distances), TINY)


def _frozen(model: Checkpoint) -> Checkpoint:
    network = copy.deepcopy(model.network)
    network.requires_grad_(requires_grad=False)
    return replace(model, network=network.eval())


def mixed(first: Network, second: Network, share: float) -> Network:
    """Returns the network whose weights lie at `share` of the way from first to second."""
    network = copy.deepcopy(second)
    with torch.no_grad():
        for parameter, start in zip(network.parameters(), first.parameters(), strict=True):
            parameter.copy_(torch.lerp(start, parameter, share))
    return network
