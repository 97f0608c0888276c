"""Adapting a model to one scene: training at reduced resolution, and a report on unseen pixels."""

import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.adapt.job import AdaptJob, AdaptResult
from ssdiff_cli.jobs.adapt.quality import full_resolution_hqnr, furthest, unseen_scores
from ssdiff_cli.jobs.adapt.windows import AdaptSample, base_model, samples
from ssdiff_cli.jobs.sharpen.band_names import model_order, scene_sensor
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.scene import open_scene
from ssdiff_cli.progress import Progress
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.writing.output_path import check_outputs, claimed_outputs
from ssdiff_models import __version__
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene.band_matching import in_places
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.training.adapt import AdaptConfig, AdaptReport, adapt_model
from ssdiff_models.training.batches import patch_origins
from ssdiff_models.training.fingerprint import scene_fingerprint
from ssdiff_models.training.scene_parts import SceneParts, split_scene

__all__ = ["adapt", "adapted_for"]

LEAST_PATCHES = 16
"""Number of places for training patches below which patches are smaller."""

_log = logging.getLogger(__name__)


def adapted_for(job: SharpenJob, progress: Progress, *, seconds: float) -> SharpenJob:
    """Returns a sharpening with a model adapted to its pair, ``OUT.model.safetensors``.

    A model that an earlier run made of the same input is used again.

    Raises:
        UsageError: When the output cannot be used, the method is no network, or the model's file
            is not from such a run.
        SsdiffError: When the scene cannot be adapted to.
    """
    if job.method != NETWORK:
        raise UsageError(f"--method {job.method} has nothing to --adapt: leave one of them out")
    path = Path(job.output).with_suffix(".model.safetensors")
    check_outputs(job.outputs, (*job.files, str(path)), overwrite=job.sink.overwrite)
    if not (path.exists() and _stored_key(path) == _key(job)):
        adapt(AdaptJob(sharpen=job, output=str(path), seconds=seconds, overwrite=True), progress)
    return replace(job, model=str(path))


def _stored_key(path: Path) -> object:
    adapted = read_header(path)["metadata"].get("adapted")
    if adapted is None:
        raise UsageError(
            f"{path}: is a model that --adapt did not make: move it, or name it by --model "
            "instead of --adapt"
        )
    return adapted.get("key")


def _key(job: SharpenJob) -> dict[str, str]:
    """Returns everything that decides the adapted weights."""
    return {
        "pan": _file_key(job.pan),
        "ms": _file_key(job.ms),
        "version": __version__,
        "model": str(job.model),
        "sensor": str(job.sensor),
        "pair": repr(job.pair),
        "register": job.register,
    }


def _file_key(path: str) -> str:
    """Returns the path, and size and time of a local file."""
    if not Path(path).exists():
        return path
    stat = Path(path).stat()
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What is read of a pair."""

    base: Checkpoint
    """The model to adapt."""
    sensor: Sensor
    """With the MTF gain of each of the scene's bands."""
    samples: list[AdaptSample]
    parts: list[SceneParts]


def adapt(job: AdaptJob, progress: Progress) -> AdaptResult:
    """Fine-tunes a model on a scene and writes it.

    Raises:
        SsdiffError: When the scene or the model cannot be used; no file is then written.
    """
    with claimed_outputs([job.output], job.sharpen.files, overwrite=job.overwrite):
        return _adapted(job, progress)


def _adapted(job: AdaptJob, progress: Progress) -> AdaptResult:
    started = time.perf_counter()
    pair = job.sharpen
    choice = choose(pair.device, tile_pixels=job.config.size**2)
    torch.set_num_threads(choice.threads)
    scene = _read(pair)
    base = scene.base
    reports = _reports(scene, job.config, choice.device)
    best = _best(reports, job, progress, started)
    best.model.network.cpu()
    base = replace(base, network=base.network.prepared(torch.device("cpu")))
    measure = partial(full_resolution_hqnr, sample=scene.samples[0], sensor=scene.sensor)
    adapted, share, quality = furthest(base, best.model.network, measure, job.hqnr_fall)
    unseen = [part.test for part in scene.parts]
    result = AdaptResult(
        output=job.output,
        base=base.name,
        bands=base.band_count,
        ratio=base.ratio,
        stage=best.stage,
        steps=best.step,
        share=share,
        seconds=round(time.perf_counter() - started, 1),
        unseen=unseen_scores({"before": base, "after": adapted}, unseen, scene.sensor),
        hqnr=quality,
    )
    save_checkpoint(job.output, _described(adapted, job, result, scene))
    return result


def _read(job: SharpenJob) -> _Scene:
    with raster_env(), open_scene(job, base_model) as scene:
        base = scene.checkpoint
        assert base is not None
        # A model keeps the order of its bands.
        pair = scene.pair
        order = model_order(base, pair)
        if order and base.bands:
            pair = pair.with_order(in_places(order, base.bands))
        sensor = scene_sensor(job.sensor, pair)
        found = list(samples(pair, sensor.ms_gains, base))
    return _Scene(base=base, sensor=sensor, samples=found, parts=_split(found))


def _split(found: list[AdaptSample]) -> list[SceneParts]:
    """Splits each window into parts; leaves out those with too few valid pixels.

    Raises:
        InputError: When all have too few.
    """
    parts: list[SceneParts] = []
    refusals: list[InputError] = []
    for sample in found:
        try:
            parts.append(split_scene(sample.wald))
        except InputError as error:
            refusals.append(error)
    if not parts:
        raise refusals[0]
    return parts


def _fitting(config: AdaptConfig, scene: _Scene) -> AdaptConfig:
    """Returns the config with patches that fit into the scene.

    Patches of a small scene, or of one with gaps, are smaller; where even these do not fit, only
    the last layer is fitted.
    """
    scenes = [part.train for part in scene.parts]
    for size in (config.size, scene.base.network.multiple):
        if all(len(patch_origins(wald, size)) >= LEAST_PATCHES for wald in scenes):
            return replace(config, size=size)
    rows, cols = scenes[0].valid.shape
    _log.warning(
        "%s: %d x %d pixels at reduced resolution, with their gaps, have no room for training "
        "patches: only the last layer is fitted",
        *(scenes[0].name, rows, cols),
    )
    return replace(config, steps=0)


def _reports(scene: _Scene, config: AdaptConfig, device: torch.device) -> Iterator[AdaptReport]:
    """Trains a copy of the model; yields a report from time to time."""
    network = copy.deepcopy(scene.base.network).to(device)
    return adapt_model(
        replace(scene.base, network=network),
        _fitting(config, scene),
        train=[part.train for part in scene.parts],
        validation=[part.validation for part in scene.parts],
        full=[sample.full for sample in scene.samples],
    )


def _best(
    reports: Iterator[AdaptReport], job: AdaptJob, progress: Progress, started: float
) -> AdaptReport:
    """Trains until the time is over, and returns the best report."""
    best: AdaptReport | None = None
    for report in reports:
        best = report if report.best or best is None else best
        _log.info(
            "%s, step %d: ERGAS %.4f, SAM %.4f on the held-out part%s",
            *(report.stage, report.step, report.ergas, report.sam, ", best" * report.best),
        )
        progress(report.step, job.config.steps, 0)
        if time.perf_counter() - started > job.seconds:
            _log.info("stopped after %.0f s", job.seconds)
            break
    assert best is not None
    if best.stage == "start":
        _log.warning(
            "adapting did not help on the held-out part of the scene: "
            "the weights are those that it began with"
        )
    return best


def _described(
    adapted: Checkpoint, job: AdaptJob, result: AdaptResult, scene: _Scene
) -> Checkpoint:
    """Returns the model with a record of how it was made."""
    record: dict[str, Any] = {
        "pan": Path(job.sharpen.pan).name,
        "ms": Path(job.sharpen.ms).name,
        "config": asdict(job.config),
        "key": _key(job.sharpen),
    }
    for name in ("base", "stage", "steps", "share", "unseen", "hqnr"):
        record[name] = getattr(result, name)
    metadata = dict(adapted.metadata) | {
        "name": Path(job.output).stem,
        "adapted": record,
        "radiometry": scene_fingerprint([sample.wald for sample in scene.samples]),
    }
    return replace(adapted, metadata=metadata)
