"""Training a model: loop, validation, log and checkpoints."""

import logging
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from ssdiff_cli.jobs.train.job import TrainingJob, begin
from ssdiff_cli.jobs.train.log import (
    LogRow,
    can_draw,
    draw_curves,
    read_log,
    stopped_if_diverging,
    write_log,
)
from ssdiff_cli.jobs.train.record import changed_settings, describe_training, pooled, stage_scores
from ssdiff_cli.jobs.train.settings_file import write_settings
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import ModelError, ResourceError, UsageError
from ssdiff_models.files import atomic_set
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.fingerprint import scene_fingerprint
from ssdiff_models.training.loop import StepReport, Trainer
from ssdiff_models.training.scene_cache import SceneSet
from ssdiff_models.training.validation import errors, fuse_scene, score

__all__ = ["ValidationReport", "train"]

LICENCE = (
    "Weights: Apache-2.0. Trained on imagery that belongs to its owners; "
    "the imagery is not part of the model."
)
_log = logging.getLogger(__name__)

_Write = Callable[[Path], None]
"""Writes a file of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """Mean scores of the moving average on the validation scenes."""

    step: int
    ergas: float
    sam: float
    """Degrees."""
    q2n: float
    """Over the scenes large enough for it; NaN where there is none."""
    exp_ergas: float
    """ERGAS of plain interpolation."""
    best: bool

    def means(self) -> dict[str, float | None]:
        """Returns the scores; None where a score is NaN."""
        q2n = None if math.isnan(self.q2n) else self.q2n
        return {"ergas": self.ergas, "sam": self.sam, "q2n": q2n}


def train(
    job: TrainingJob, scenes: SceneSet
) -> Generator[StepReport | ValidationReport, None, None]:
    """Trains, validating and saving at intervals; continues where an earlier run stopped.

    Raises:
        ModelError: When training diverges; state and checkpoints stay on disk.
        InputError: When no patch fits into the scenes.
        ResourceError: When a result cannot be written.
    """
    trainer = begin(job)
    config = job.settings.training
    if config.batch % job.execution.world:
        raise UsageError(
            f"a batch of {config.batch} cannot be shared by {job.execution.world} processes: "
            "choose a multiple"
        )
    sampler = BatchSampler(scenes.train, config)
    names = {scene.name for scene in scenes.train} - {scene.name for scene in sampler.scenes}
    if names and not job.execution.rank:
        message = "no room for a patch of %d pixels in %d of %d training scenes, %s among them"
        _log.warning(message, config.size, len(names), len(scenes.train), min(names))
    scenes = replace(scenes, train=sampler.scenes)
    results = None if job.execution.rank else _Results(job, scenes, trainer)
    for report in stopped_if_diverging(trainer.run(sampler)):
        yield report
        if results is not None:
            yield from results.after(report)


class _Results:
    """Validates, and writes log, state and checkpoints."""

    def __init__(self, job: TrainingJob, scenes: SceneSet, trainer: Trainer) -> None:
        self._job = job
        self._scenes = scenes
        self._trainer = trainer
        if job.state.exists():
            for change in changed_settings(job.record, job.settings):
                _log.warning("%s", change)
        self._rows = read_log(job.log, trainer.step)
        self._best = _best_so_far(job)
        self._exp = fmean(errors(scene, scene.lms)[1] for scene in scenes.validation)
        self._fingerprint = scene_fingerprint(pooled(scenes.train))

    def after(self, report: StepReport) -> Iterator[ValidationReport]:
        """Validates and saves where it is time to, and yields the validation, if any."""
        run = self._job.settings.run
        config = self._trainer.config
        validation: ValidationReport | None = None
        if report.step % run.validate_every == 0 or report.step in {config.steps, config.total}:
            validation = self._validate()
        scores: dict[str, Any] = {} if validation is None else dict(validation.means())
        self._rows.append(LogRow(**asdict(report), **scores))
        if validation is not None:
            self._save(self._checkpoints(validation))
            yield validation
        elif report.step % run.save_every == 0:
            self._save({})

    def _validate(self) -> ValidationReport:
        model = self._model({})
        fused = [fuse_scene(model, one, steps=model.steps) for one in self._scenes.validation]
        scores = list(map(score, self._scenes.validation, fused))
        ergas = fmean(result.ergas for result in scores)
        known = [result.q2n for result in scores if not math.isnan(result.q2n)]
        return ValidationReport(
            step=self._trainer.step,
            ergas=ergas,
            sam=fmean(result.sam for result in scores),
            q2n=fmean(known) if known else math.nan,
            exp_ergas=self._exp,
            best=ergas < self._best,
        )

    def _checkpoints(self, validation: ValidationReport) -> dict[Path, _Write]:
        """Returns what writes the checkpoints and the curves."""
        job = self._job
        write = partial(save_checkpoint, checkpoint=self._model(self._metadata(validation)))
        files: dict[Path, _Write] = {job.last: write}
        if validation.best:
            self._best = validation.ergas
            files[job.output] = write
        if can_draw(job.curves):
            files[job.curves] = partial(draw_curves, rows=self._rows)
        return files

    def _save(self, more: Mapping[Path, _Write]) -> None:
        """Writes settings, log and state, and more: together, so that they tell of one step.

        Raises:
            ResourceError: When one cannot be written; then all are as they were.
        """
        job = self._job
        own: dict[Path, _Write] = {
            job.record: partial(write_settings, settings=job.settings),
            job.log: partial(write_log, rows=self._rows),
            job.state: self._trainer.save,
        }
        files = {**own, **more}
        try:
            with atomic_set(list(files), job.output) as parts:
                for part, (path, write) in zip(parts, files.items(), strict=True):
                    _write(part, path, write)
        except OSError as error:
            raise ResourceError(
                f"{job.output}: cannot be written ({error.strerror}): free some space"
            ) from error

    def _model(self, metadata: Mapping[str, Any]) -> Checkpoint:
        data = self._job.settings.data
        config = self._trainer.config
        tile, overlap = self._trainer.network.tiling(config.size)
        return Checkpoint(
            network=self._trainer.average,
            bands=data.bands,
            ratio=data.ratio,
            prior=data.prior,
            residual_scale=config.residual_scale,
            ms_phase=(data.ratio - 1) / 2,
            schedule=config.schedule,
            steps=self._job.settings.kind.steps,
            tile=tile,
            overlap=overlap,
            metadata=metadata,
        )

    def _metadata(self, validation: ValidationReport) -> dict[str, Any]:
        settings = self._job.settings
        train = self._scenes.train
        scored = {"exp_ergas": validation.exp_ergas, "scenes": len(self._scenes.validation)}
        return {
            "name": self._job.output.stem,
            "sensors": sorted({scene.sensor for scene in train} - {"", "simulated"}),
            "radiometry": self._fingerprint,
            "training": {
                "steps": self._trainer.step,
                **describe_training(settings, train),
                "stages": stage_scores(self._rows, settings.training.steps),
                **self._job.note,
            },
            "metrics": {"val": validation.means() | scored},
            "licence": LICENCE,
        }


def _write(part: Path, path: Path, write: _Write) -> None:
    """Writes a temporary file; an error names the file that it would have become."""
    try:
        write(part)
    except ResourceError as error:
        raise ResourceError(str(error).replace(str(part), str(path))) from error


def _best_so_far(job: TrainingJob) -> float:
    """Returns the ERGAS of the checkpoint that a continued run has already written."""
    if not (job.state.exists() and job.output.exists()):
        return math.inf
    try:
        return float(read_header(job.output)["metadata"]["metrics"]["val"]["ergas"])
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{job.output}: has no scores of a validation: move it, or give --overwrite"
        ) from error
