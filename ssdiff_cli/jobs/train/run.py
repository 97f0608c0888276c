"""Training a model: loop, validation, log, checkpoints; where the data come from is the matter of `train_data`."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from ssdiff_cli.jobs.train.job import TrainingJob, begin
from ssdiff_cli.jobs.train.log import LogRow, TrainLog, Watch, draw_curves
from ssdiff_cli.jobs.train.record import changed_settings, describe_training, pooled, stages
from ssdiff_cli.jobs.train.settings import write_settings
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.training.batches import BatchSampler, drawn_ahead
from ssdiff_models.training.fingerprint import training_radiometry
from ssdiff_models.training.loop import StepReport, Trainer
from ssdiff_models.training.scene_cache import SceneSet
from ssdiff_models.training.validation import Score, fuse_scene, score, score_lms

__all__ = ["ValidationReport", "train"]

LICENCE = "Weights: Apache-2.0. Trained on imagery that belongs to its owners; the imagery is not part of the model."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """Scores of the moving average on the validation scenes."""

    step: int
    scores: tuple[Score, ...]
    ergas: float
    """Mean over the scenes."""
    sam: float
    """Mean over the scenes, degrees."""
    q2n: float
    """Mean over the scenes large enough for it, else NaN."""
    exp_ergas: float
    """ERGAS of plain interpolation."""
    best: bool

    def means(self) -> dict[str, float]:
        """Returns the means."""
        return {"ergas": self.ergas, "sam": self.sam, "q2n": self.q2n}


def train(job: TrainingJob, scenes: SceneSet) -> Iterator[StepReport | ValidationReport]:
    """Trains, validating and saving at intervals; continues where an earlier run of the same job stopped.

    Raises:
        ModelError: When training diverges; the last good state and the checkpoints stay on disk.
        InputError: When no patch fits into the scenes.
        ResourceError: When a result cannot be written.
    """
    trainer = begin(job)
    sampler = _sampler(job, scenes)
    watch = Watch()
    keeper = None
    if not job.execution.rank:
        _write_settings(job)
        keeper = _Keeper(job, scenes, trainer)
    with drawn_ahead(sampler) as draws:
        for report in trainer.run(draws):
            watch.look(report.step, report.loss)
            yield report
            if keeper is not None:
                yield from keeper.after(report)


def _write_settings(job: TrainingJob) -> None:
    if job.state.exists():
        for change in changed_settings(job.record, job.settings):
            _log.warning("%s", change)
    write_settings(job.record, job.settings)


def _sampler(job: TrainingJob, scenes: SceneSet) -> BatchSampler:
    config = job.settings.training
    if config.batch % job.execution.world:
        raise UsageError(
            f"a batch of {config.batch} cannot be shared by {job.execution.world} processes: choose a multiple"
        )
    return BatchSampler(
        scenes=scenes.train,
        size=config.size,
        batch=config.batch,
        ratio=job.settings.data.ratio,
        seed=config.seed,
        gain_jitter=config.gain_jitter,
        band_jitter=config.band_jitter,
    )


class _Keeper:
    """Validates, and keeps log, state and checkpoints."""

    def __init__(self, job: TrainingJob, scenes: SceneSet, trainer: Trainer) -> None:
        self._job, self._scenes, self._trainer = job, scenes, trainer
        self._log = TrainLog(job.log, trainer.step)
        self._ratio = job.settings.data.ratio
        self._best = _best_so_far(job)
        self._exp = fmean(score_lms(scene, self._ratio).ergas for scene in scenes.validation)
        self._radiometry = training_radiometry(pooled(scenes.train))

    def after(self, report: StepReport) -> Iterator[ValidationReport]:
        """Does what is due after a step, and yields its validation, if any."""
        run, config = self._job.settings.run, self._trainer.config
        due = report.step % run.validate_every == 0 or report.step in {config.steps, config.total}
        result = self.validate() if due else None
        self.note(report, result)
        if result is not None:
            self.publish(result)
            yield result
        if report.step % run.save_every == 0 or report.step == config.total:
            self.save()

    def validate(self) -> ValidationReport:
        """Scores the moving average."""
        config = self._trainer.config
        scores = tuple(
            score(
                scene,
                fuse_scene(
                    self._trainer.average,
                    scene,
                    schedule=config.schedule,
                    residual_scale=config.residual_scale,
                ),
                self._ratio,
            )
            for scene in self._scenes.validation
        )
        ergas = fmean(result.ergas for result in scores)
        known = [result.q2n for result in scores if not math.isnan(result.q2n)]
        return ValidationReport(
            step=self._trainer.step,
            scores=scores,
            ergas=ergas,
            sam=fmean(result.sam for result in scores),
            q2n=fmean(known) if known else math.nan,
            exp_ergas=self._exp,
            best=ergas < self._best,
        )

    def note(self, report: StepReport, result: ValidationReport | None) -> None:
        """Writes a step down."""
        scores = (
            {name: None if math.isnan(value) else value for name, value in result.means().items()}
            if result
            else {}
        )
        self._log.add(
            LogRow(
                step=report.step,
                loss=report.loss,
                rate=report.rate,
                gradient=report.gradient,
                **scores,
            )
        )

    def publish(self, result: ValidationReport) -> None:
        """Writes the checkpoints and the curves."""
        checkpoint = self._checkpoint(result)
        save_checkpoint(self._job.last, checkpoint)
        if result.best:
            self._best = result.ergas
            save_checkpoint(self._job.output, checkpoint)
        draw_curves(self._job.curves, self._log.rows)

    def save(self) -> None:
        """Writes what a run continues from, the log first: it then has all steps of the state."""
        self._log.flush()
        self._trainer.save(self._job.state)

    def _checkpoint(self, result: ValidationReport) -> Checkpoint:
        settings, scored = (
            self._job.settings,
            {"exp_ergas": result.exp_ergas, "scenes": len(result.scores)},
        )
        means = {
            name: None if math.isnan(value) else value for name, value in result.means().items()
        }
        return Checkpoint(
            network=self._trainer.average,
            bands=settings.data.bands,
            ratio=settings.data.ratio,
            prior=settings.data.prior,
            residual_scale=settings.training.residual_scale,
            ms_phase=(settings.data.ratio - 1) / 2,
            schedule=settings.training.schedule,
            metadata={
                "name": self._job.output.stem,
                "sensors": sorted(
                    {scene.sensor for scene in self._scenes.train} - {"", "simulated"}
                ),
                "radiometry": self._radiometry,
                "training": {
                    "steps": self._trainer.step,
                    **describe_training(settings, self._scenes.train),
                    "stages": stages(self._log.rows, settings.training.steps),
                    **self._job.note,
                },
                "metrics": {"val": means | scored},
                "licence": LICENCE,
            },
        )


def _best_so_far(job: TrainingJob) -> float:
    """Returns the score of the checkpoint that a continued run has already written."""
    if not (job.state.exists() and job.output.exists()):
        return math.inf
    try:
        return float(read_header(job.output)["metadata"]["metrics"]["val"]["ergas"])
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{job.output}: has no scores of a validation: move it, or give --overwrite to replace it"
        ) from error
