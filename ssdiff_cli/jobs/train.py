"""Training a model on folders of GeoTIFF pairs: scenes, loop, validation, checkpoints."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import torch

from ssdiff_cli.jobs.datasets import PairRecord, read_index, read_scene, select
from ssdiff_models import sensors
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import InputError
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.prior import PriorName
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.loop import StepReport, Trainer, TrainingConfig
from ssdiff_models.training.radiometry import training_radiometry
from ssdiff_models.training.validation import Score, fuse_scene, score, score_lms
from ssdiff_models.training.wald import WaldScene

__all__ = ["TrainingJob", "ValidationReport", "load_scenes", "train"]

LICENCE = "Weights: Apache-2.0. Trained on imagery that belongs to its owners; the imagery is not part of the model."


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What to train on, and where the results go."""

    folder: Path
    """Folder of pairs with an ``index.json``."""
    output: Path
    """The checkpoint of the best moving average so far; its training state lies beside it under the suffix ``.state``."""
    name: str
    """The model's name."""
    bands: tuple[str, ...]
    ratio: int
    network: SSDiffConfig
    training: TrainingConfig
    prior: PriorName = "bt-h"
    """What the network corrects."""
    without: tuple[str, ...] = ()
    """Sensors left out, as the index writes them."""
    validate_every: int = 1000
    save_every: int = 250
    device: str = "cpu"
    """Where the network trains."""
    note: dict[str, str] = field(default_factory=dict)
    """More entries of the training record: hardware, say."""

    @property
    def state(self) -> Path:
        """The file a run resumes from."""
        return self.output.with_suffix(".state")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """Scores of the moving average on the validation scenes."""

    step: int
    scores: tuple[Score, ...]
    ergas: float
    """Mean over the scenes."""
    sam: float
    """Mean over the scenes, degrees."""
    exp_ergas: float
    """The same of plain interpolation."""
    best: bool


def load_scenes(job: TrainingJob, split: str) -> Iterator[tuple[PairRecord, WaldScene | InputError]]:
    """Yields each pair of a split with its scene, or with the reason why it cannot be used."""
    for record in select(read_index(job.folder), split=split, bands=job.bands, ratio=job.ratio):
        if record.sensor in job.without:
            continue
        try:
            scene, _ = read_scene(record, job.bands, job.prior)
            yield record, scene
        except InputError as error:
            yield record, error


def train(
    job: TrainingJob, scenes: Sequence[WaldScene], validation: Sequence[WaldScene]
) -> Iterator[StepReport | ValidationReport]:
    """Trains, validating and saving at intervals; continues where an earlier run of the same job stopped.

    Raises:
        ModelError: When training diverges; the last good state stays on disk.
    """
    torch.manual_seed(job.training.seed)
    trainer = Trainer(SSDiff(job.network).to(job.device), job.training)
    if job.state.exists():
        trainer.resume(job.state)
    config = job.training
    sampler = BatchSampler(
        scenes=tuple(scenes),
        size=config.size,
        batch=config.batch,
        ratio=job.ratio,
        seed=config.seed,
        gain_jitter=config.gain_jitter,
        band_jitter=config.band_jitter,
    )
    best = _best_so_far(job)
    for report in trainer.run(sampler):
        yield report
        if report.step % job.save_every == 0 or report.step == config.steps:
            trainer.save(job.state)
        if report.step % job.validate_every == 0 or report.step == config.steps:
            result = _validate(trainer, validation, best)
            if result.best:
                best = result.ergas
                save_checkpoint(job.output, _checkpoint(job, trainer, scenes, result))
            yield result


def _best_so_far(job: TrainingJob) -> float:
    """Returns the score of the checkpoint that a continued run has already written."""
    if not (job.state.exists() and job.output.exists()):
        return float("inf")
    return float(read_header(job.output)["metadata"]["metrics"]["val"]["ergas"])


def _validate(trainer: Trainer, scenes: Sequence[WaldScene], best: float) -> ValidationReport:
    config = trainer.config
    scores = tuple(
        score(scene, fuse_scene(trainer.average, scene, schedule=config.schedule, residual_scale=config.residual_scale))
        for scene in scenes
    )
    ergas = fmean(result.ergas for result in scores)
    return ValidationReport(
        step=trainer.step,
        scores=scores,
        ergas=ergas,
        sam=fmean(result.sam for result in scores),
        exp_ergas=fmean(score_lms(scene).ergas for scene in scenes),
        best=ergas < best,
    )


def _sensors(job: TrainingJob) -> list[str]:
    """Returns the short names of the sensors trained on."""
    records = select(read_index(job.folder), split="train", bands=job.bands, ratio=job.ratio)
    return sorted({sensors.get(record.sensor).name for record in records if record.sensor not in job.without})


def _checkpoint(job: TrainingJob, trainer: Trainer, scenes: Sequence[WaldScene], result: ValidationReport) -> Checkpoint:
    record = {
        "steps": trainer.step,
        "batch": job.training.batch,
        "patch": job.training.size,
        "learning_rate": job.training.learning_rate,
        "seed": job.training.seed,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "scenes": [scene.name for scene in scenes],
        "pixels": sum(int(scene.valid.sum()) for scene in scenes),
        **job.note,
    }
    metrics = {"val": {"ergas": result.ergas, "sam": result.sam, "exp_ergas": result.exp_ergas, "scenes": len(result.scores)}}
    return Checkpoint(
        network=trainer.average,
        bands=job.bands,
        ratio=job.ratio,
        prior=job.prior,
        residual_scale=job.training.residual_scale,
        ms_phase=(job.ratio - 1) / 2,
        schedule=job.training.schedule,
        metadata={
            "name": job.name,
            "sensors": _sensors(job),
            "radiometry": training_radiometry(scenes),
            "training": record,
            "metrics": metrics,
            "licence": LICENCE,
        },
    )
