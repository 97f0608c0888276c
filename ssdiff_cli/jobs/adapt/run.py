"""Adapting a model to one scene: its windows at reduced resolution, training, and a report on a quarter that was never seen."""

import copy
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.adapt.job import AdaptJob, AdaptResult
from ssdiff_cli.jobs.adapt.quality import FullResolutionJudge, furthest, unseen_scores
from ssdiff_cli.jobs.adapt.windows import AdaptSample, base_model, samples
from ssdiff_cli.jobs.sharpen.band_names import scene_sensor
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.scene import open_scene
from ssdiff_cli.progress import Progress
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_models import __version__
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.training.adapt import AdaptConfig, AdaptReport, AdaptScenes, adapt_model
from ssdiff_models.training.batches import patch_origins
from ssdiff_models.training.fingerprint import scene_fingerprint
from ssdiff_models.training.scene_parts import SceneParts, split_scene

__all__ = ["adapt", "adapted_for"]

PLACES = 16
"""Least number of places for training patches; where there are fewer, patches are smaller."""

_log = logging.getLogger(__name__)


def adapted_for(job: SharpenJob, progress: Progress, *, seconds: float) -> SharpenJob:
    """Returns a sharpening with a model adapted to its pair: ``OUT.model.safetensors``, made now unless an earlier run made the very same.

    Raises:
        UsageError: When the output cannot be used, the method is no network, or the model's file is another's.
        SsdiffError: When the scene cannot be adapted to.
    """
    if job.method != NETWORK:
        raise UsageError(f"--method {job.method} has nothing to --adapt: leave one of them out")
    check_output(job.output, overwrite=job.sink.overwrite, inputs=(job.pan, job.ms))
    path = Path(job.output).with_suffix(".model.safetensors")
    if not (path.exists() and _made_for(path) == _key(job)):
        adapt(AdaptJob(sharpen=job, output=str(path), seconds=seconds, overwrite=True), progress)
    return replace(job, model=str(path))


def _made_for(path: Path) -> object:
    adapted = read_header(path)["metadata"].get("adapted")
    if adapted is None:
        raise UsageError(
            f"{path}: is a model that --adapt did not make: move it, or name it by --model instead of --adapt"
        )
    return adapted.get("key")


def _key(job: SharpenJob) -> dict[str, str]:
    """Everything that the adapted weights follow from."""
    files = {
        name: " ".join(
            map(str, (path, *((stat.st_size, stat.st_mtime_ns) if (stat := _stat(path)) else ())))
        )
        for name, path in (("pan", job.pan), ("ms", job.ms))
    }
    return files | {
        "version": __version__,
        "model": str(job.model),
        "sensor": str(job.sensor),
        "pair": repr(job.pair),
        "register": job.register,
    }


def _stat(path: str) -> os.stat_result | None:
    return Path(path).stat() if Path(path).exists() else None


def adapt(job: AdaptJob, progress: Progress) -> AdaptResult:
    """Fine-tunes a model on a scene and writes it.

    Raises:
        SsdiffError: When the scene or the model cannot be used; no file is then written.
    """
    started = time.perf_counter()
    check_output(job.output, overwrite=job.overwrite, inputs=(job.sharpen.pan, job.sharpen.ms))
    choice = choose(job.sharpen.device, tile_pixels=job.config.size**2)
    torch.set_num_threads(choice.threads)
    base = base_model(job.sharpen)
    found, gains = _read(job.sharpen, base)
    parts = _divided(found)
    start = replace(base, network=copy.deepcopy(base.network).to(choice.device))
    scenes = AdaptScenes(
        train=[part.train for part in parts],
        validation=[part.validation for part in parts],
        full=[sample.full for sample in found],
    )
    reports = adapt_model(start, _fitting(job.config, parts, base), scenes)
    kept = _train(reports, job, progress, started)
    kept.model.network.cpu()
    base = replace(base, network=base.network.placed(torch.device("cpu")))
    full = FullResolutionJudge.of(found[0], job.sharpen.sensor, gains)
    adapted, share, quality = furthest(base, kept.model.network, full, job.hqnr_fall)
    result = AdaptResult(
        output=job.output,
        base=base.name,
        bands=base.band_count,
        ratio=base.ratio,
        stage=kept.stage,
        steps=kept.step,
        share=share,
        seconds=round(time.perf_counter() - started, 1),
        unseen=unseen_scores({"before": base, "after": adapted}, parts, full.sensor),
        hqnr=quality,
    )
    save_checkpoint(job.output, _described(adapted, job, result, found))
    return result


def _read(job: SharpenJob, base: Checkpoint) -> tuple[list[AdaptSample], tuple[float, ...]]:
    """Returns the samples of the scene, and the MTF gain of each band."""
    with raster_env(), open_scene(job, lambda _job, _files: base) as scene:
        gains = scene_sensor(job.sensor, scene.pair).ms_gains
        return list(samples(scene.pair, gains, base)), gains


def _divided(found: list[AdaptSample]) -> list[SceneParts]:
    """Divides each window, but for those whose gaps leave too little.

    Raises:
        InputError: When they all are such.
    """
    parts, refusals = [], []
    for sample in found:
        try:
            parts.append(split_scene(sample.wald))
        except InputError as error:
            refusals.append(error)
    if not parts:
        raise refusals[0]
    return parts


def _fitting(config: AdaptConfig, parts: list[SceneParts], base: Checkpoint) -> AdaptConfig:
    """Returns the config with patches that fit: smaller ones where the scene is small or has gaps, or no training but the last layer's."""
    multiple = base.network.multiple
    for size in (config.size, multiple):
        if all(len(patch_origins(part.train, size)) >= PLACES for part in parts):
            return replace(config, size=size)
    rows, cols = parts[0].train.valid.shape
    _log.warning(
        "%s: %d x %d pixels at reduced resolution, with their gaps, have no room for training patches: only the last layer is fitted",
        parts[0].train.name, rows, cols,
    )  # fmt: skip
    return replace(config, steps=0)


def _train(
    reports: Iterator[AdaptReport], job: AdaptJob, progress: Progress, started: float
) -> AdaptReport:
    """Returns the report of the weights to keep."""
    kept: AdaptReport | None = None
    for report in reports:
        kept = report if report.best or kept is None else kept
        _tell(report)
        progress(report.step, job.config.steps, 0)
        if time.perf_counter() - started > job.seconds:
            _log.info("stopped after %.0f s", job.seconds)
            break
    assert kept is not None
    if kept.stage == "start":
        _log.warning(
            "adapting did not help on the held-out part of the scene: the weights are those that it began with"
        )
    return kept


def _tell(report: AdaptReport) -> None:
    _log.info(
        "%s, step %d: ERGAS %.4f, SAM %.4f on the held-out part%s",
        report.stage, report.step, report.ergas, report.sam, ", best" * report.best,
    )  # fmt: skip


def _described(
    adapted: Checkpoint, job: AdaptJob, result: AdaptResult, found: list[AdaptSample]
) -> Checkpoint:
    record: dict[str, Any] = {
        "pan": Path(job.sharpen.pan).name,
        "ms": Path(job.sharpen.ms).name,
        "config": asdict(job.config),
        "key": _key(job.sharpen),
        "base": result.base,
        "stage": result.stage,
        "steps": result.steps,
        "share": result.share,
        "unseen": result.unseen,
        "hqnr": result.hqnr,
    }
    scenes = [sample.wald for sample in found]
    own = {
        "name": Path(job.output).stem,
        "adapted": record,
        "radiometry": scene_fingerprint(scenes),
    }
    return replace(adapted, metadata=dict(adapted.metadata) | own)
