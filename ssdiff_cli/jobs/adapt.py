"""Adapting a model to one scene: its windows at reduced resolution, training, and a report on a quarter that was never seen."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.open_scene import open_scene
from ssdiff_cli.jobs.sharpen_fusion import band_names, mtf_gains
from ssdiff_cli.jobs.sharpen_job import NETWORK, SharpenJob
from ssdiff_cli.rasters.env import raster_env
from ssdiff_cli.rasters.pair import ScenePair, open_pair
from ssdiff_cli.rasters.writer import check_output
from ssdiff_models import __version__, classical, zoo
from ssdiff_models.arrays import sharpen as fuse_arrays
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint, read_header, save_checkpoint
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.fusing import FusionSettings
from ssdiff_models.metrics import hqnr
from ssdiff_models.nets.transplant import transplant
from ssdiff_models.scene import MS_HALO, FloatArray
from ssdiff_models.sensors import Sensor, get
from ssdiff_models.spectrum import partners
from ssdiff_models.tiles import Window
from ssdiff_models.training.adapt import AdaptConfig, Adapter, AdaptReport, FullScene, Parts, divide, full_scene, mixed
from ssdiff_models.training.batches import patch_origins
from ssdiff_models.training.radiometry import training_radiometry
from ssdiff_models.training.validation import Score, score
from ssdiff_models.training.wald import WaldScene, from_pair, interpolate

__all__ = ["AdaptJob", "AdaptResult", "adapt", "adapted_for"]

CLASSICAL = ("gsa", "bt-h", "bdsd-pc", "mtf-glp-fs", "mtf-glp-hpm")
WHOLE = 2048
"""Side in PAN pixels up to which a scene is used whole."""
SIDE = 1024
"""Side of the windows that a larger one is sampled by."""
LATTICE = 2
"""Windows on each axis."""
SHARES = (1.0, 0.5, 0.25)
"""Parts of the way from the first weights to the trained ones that are tried, until HQNR does not fall."""
TOLERANCE = 0.002
"""A fall of HQNR that is none: as much as another crop of the scene makes."""
PLACES = 16
"""Least number of places for training patches; where there are fewer, patches are smaller."""

Progress = Callable[[int, int, int], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptJob:
    """What to adapt to."""

    sharpen: SharpenJob
    """The pair, how it is understood, the model to begin with, the sensor, registration and statistics; its output is not used."""
    output: str
    config: AdaptConfig = field(default_factory=AdaptConfig)
    seconds: float = 600
    """Time after which training ends."""
    overwrite: bool = False
    """Whether an existing output is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptResult:
    """What came of it, as ``--json`` prints it."""

    output: str
    base: str
    """The model it began with."""
    bands: int
    ratio: int
    steps: int
    seconds: float
    unseen: dict[str, dict[str, float]]
    """SAM and ERGAS ``before`` and ``after``, and of each classical method, at reduced resolution on a quarter that training never saw."""
    hqnr: dict[str, float]
    """At full resolution, ``before`` and ``after``."""


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
        adapt(AdaptJob(sharpen=job, output=str(path), seconds=seconds), progress)
    return replace(job, model=str(path))


def _made_for(path: Path) -> object:
    adapted = read_header(path)["metadata"].get("adapted")
    if adapted is None:
        raise UsageError(f"{path}: is a model that --adapt did not make: move it, or name it by --model instead of --adapt")
    return adapted.get("key")


def _key(job: SharpenJob) -> dict[str, str]:
    """Everything that the adapted weights follow from."""
    files = {
        name: " ".join(map(str, (path, *((stat.st_size, stat.st_mtime_ns) if (stat := _stat(path)) else ()))))
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


class _Shelf:
    """The one model of this job, where `open_scene` looks for models."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def checkpoint(self, job: SharpenJob) -> Checkpoint:
        """Returns it, whatever the job names."""
        del job
        return self._checkpoint


def adapt(job: AdaptJob, progress: Progress) -> AdaptResult:
    """Fine-tunes a model on a scene and writes it.

    Raises:
        SsdiffError: When the scene or the model cannot be used; no file is then written.
    """
    started = time.perf_counter()
    check_output(job.output, overwrite=job.overwrite or job.sharpen.output != "", inputs=(job.sharpen.pan, job.sharpen.ms))
    choice = choose(job.sharpen.device, tile_pixels=job.config.size**2)
    torch.set_num_threads(choice.threads)
    base = _base(job.sharpen)
    with raster_env(num_threads=1), open_scene(job.sharpen, _Shelf(base)) as scene:
        pair, gains = scene.pair, mtf_gains(job.sharpen.sensor, scene.pair)
        samples = [_sample(pair, window, gains, base) for window in _windows(pair)]
    parts = [divide(sample.wald) for sample in samples]
    config = replace(job.config, size=_patch(parts, base, job.config.size))
    adapter = Adapter(
        base.network.to(choice.device),
        config,
        schedule=base.schedule,
        residual_scale=base.residual_scale,
        full=[sample.full for sample in samples] if config.consistency else (),
    )
    steps = _train(adapter, parts, job, progress, started)
    base.network.cpu()
    adapter.best.cpu()
    sensor = _sensor(job.sharpen.sensor, gains)
    adapted, quality = _no_worse(base, adapter.best, partial(_hqnr, sample=samples[0], sensor=sensor, gains=gains))
    unseen = _unseen(adapter, {"before": base, "after": adapted}, parts, sensor)
    result = AdaptResult(
        output=job.output,
        base=base.name,
        bands=base.band_count,
        ratio=base.ratio,
        steps=steps,
        seconds=round(time.perf_counter() - started, 1),
        unseen=unseen,
        hqnr=quality,
    )
    save_checkpoint(job.output, _described(adapted, job, result, [sample.wald for sample in samples]))
    return result


def _base(job: SharpenJob) -> Checkpoint:
    """Returns the model to begin with, fitted to the scene's bands and ratio."""
    with raster_env(num_threads=1), open_pair(job.pan, job.ms, options=job.pair) as pair:
        bands, ratio, names = pair.bands, pair.ratio, band_names(pair)
    checkpoint = load_checkpoint(
        zoo.locate(job.model) if job.model else zoo.nearest(bands=bands, ratio=ratio, sensor=job.sensor).path
    )
    if (checkpoint.band_count, checkpoint.ratio) == (bands, ratio):
        return checkpoint
    _log.warning(
        "model %s has %d bands at ratio %d, the scene %d at ratio %d: its first and last layers begin anew",
        checkpoint.name, checkpoint.band_count, checkpoint.ratio, bands, ratio,
    )  # fmt: skip
    network = transplant(checkpoint.network, partners(names, _known(checkpoint)), ratio)
    phase = (ratio - 1) / 2
    known = tuple(name or f"band {number}" for number, name in enumerate(names, start=1))
    return replace(checkpoint, network=network.eval(), bands=known, ratio=ratio, ms_phase=phase)


def _known(checkpoint: Checkpoint) -> tuple[str | None, ...]:
    return checkpoint.bands or (None,) * checkpoint.band_count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """One window of the scene, in DN and degraded."""

    pan: FloatArray
    ms: FloatArray
    wald: WaldScene
    full: FullScene


def _windows(pair: ScenePair) -> Iterator[Window]:
    if max(pair.rows, pair.cols) <= WHOLE:
        yield _aligned(Window(row=0, col=0, rows=pair.rows, cols=pair.cols), pair.ratio)
        return
    side = SIDE // pair.ratio * pair.ratio
    for i in range(LATTICE):
        for j in range(LATTICE):
            row, col = (
                max((2 * k + 1) * size // (2 * LATTICE) - side // 2, 0) // pair.ratio * pair.ratio
                for k, size in ((i, pair.rows), (j, pair.cols))
            )
            yield _aligned(
                Window(row=row, col=col, rows=min(side, pair.rows - row), cols=min(side, pair.cols - col)), pair.ratio
            )


def _aligned(window: Window, ratio: int) -> Window:
    """Cuts a window down to whole MS pixels."""
    return replace(window, rows=window.rows // ratio * ratio, cols=window.cols // ratio * ratio)


def _sample(pair: ScenePair, window: Window, gains: tuple[float, ...], base: Checkpoint) -> _Sample:
    patch, ratio, phase = pair.read(window), base.ratio, base.ms_phase
    ms = patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO]
    valid = patch.valid.reshape(window.rows // ratio, ratio, window.cols // ratio, ratio).all((1, 3))
    pan, bands, known = torch.from_numpy(patch.pan), torch.from_numpy(ms.copy()), torch.from_numpy(valid)
    wald = from_pair(
        pair.ms.path, pan=pan, ms=bands, first=(phase, phase), gains=gains, ratio=ratio, valid=known, prior=base.prior
    )
    return _Sample(
        pan=patch.pan, ms=ms, wald=wald, full=full_scene(pan, bands, wald.means, gains=gains, prior=base.prior, phase=phase)
    )


def _patch(parts: list[Parts], base: Checkpoint, wanted: int) -> int:
    """Returns the side of the training patches: smaller ones where the scene is small or has gaps."""
    multiple = int(getattr(base.network, "multiple", 4 * base.ratio))
    for size in (wanted, multiple):
        if all(len(patch_origins(part.train, size, base.ratio)) >= PLACES for part in parts):
            return size
    rows, cols = parts[0].train.valid.shape
    raise InputError(
        f"{parts[0].train.name}: {rows} x {cols} pixels at reduced resolution, with their gaps, are too few to adapt to: "
        "use the model as it is"
    )


def _train(adapter: Adapter, parts: list[Parts], job: AdaptJob, progress: Progress, started: float) -> int:
    steps, best = 0, 0
    for report in adapter.run([part.train for part in parts], [part.held for part in parts]):
        steps, best = report.step, report.step if report.best else best
        _tell(report)
        progress(steps, job.config.steps, 0)
        if time.perf_counter() - started > job.seconds:
            _log.info("stopped after %.0f s", job.seconds)
            break
    if not best:
        _log.warning("adapting did not help on the held-out part of the scene: the weights are those that it began with")
    return best


def _tell(report: AdaptReport) -> None:
    _log.info(
        "step %d: ERGAS %.4f, SAM %.4f on the held-out part%s", report.step, report.ergas, report.sam, ", best" * report.best
    )


def _sensor(name: str | None, gains: tuple[float, ...]) -> Sensor:
    """Returns the sensor with the gains of the very bands of the scene."""
    return replace(get(name or "generic"), bands=("",) * len(gains), ms_gains=gains)


def _no_worse(
    base: Checkpoint, trained: nn.Module, quality: Callable[[Checkpoint], float]
) -> tuple[Checkpoint, dict[str, float]]:
    """Returns the model on the way from the first weights to the trained ones, as far as the quality at full resolution allows."""
    before = quality(base)
    for share in SHARES:
        adapted = replace(base, network=mixed(base.network, trained, share))
        after = quality(adapted)
        if after >= before - TOLERANCE:
            break
        _log.info("HQNR falls from %.4f to %.4f with %.0f %% of the way", before, after, 100 * share)
    else:
        _log.warning(
            "whatever adapting gained at reduced resolution costs HQNR at full resolution: the weights are those it began with"
        )
        adapted, after = base, before
    return adapted, {"before": before, "after": after}


def _unseen(
    adapter: Adapter, models: Mapping[str, Checkpoint], parts: list[Parts], sensor: Sensor
) -> dict[str, dict[str, float]]:
    scenes = [part.unseen for part in parts]
    found = {name: adapter.scores(model.network, scenes) for name, model in models.items()}
    for method in CLASSICAL:
        found[method] = tuple(_classical(method, scene, sensor, models["before"]) for scene in scenes)
    return {
        name: {"sam": _mean(one.sam for one in scores), "ergas": _mean(one.ergas for one in scores)}
        for name, scores in found.items()
    }


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def _classical(method: str, scene: WaldScene, sensor: Sensor, base: Checkpoint) -> Score:
    fused = classical.fuse(
        method,
        pan=((scene.pan[0] + 1) * scene.means[-1]).numpy(),
        ms=scene.denormalise(scene.ms).numpy(),
        lms=scene.denormalise(scene.lms).numpy(),
        sensor=sensor,
        ratio=base.ratio,
        phase=(base.ratio - 1) / 2,
    )
    means = torch.tensor(scene.means[:-1])[:, None, None]
    return score(scene, torch.from_numpy(fused).float() / means - 1, base.ratio)


def _hqnr(model: Checkpoint, sample: _Sample, sensor: Sensor, gains: tuple[float, ...]) -> float:
    pan, ms = sample.pan[:SIDE, :SIDE], sample.ms[:, : SIDE // model.ratio, : SIDE // model.ratio]
    fused = fuse_arrays(pan, ms, model, settings=FusionSettings.of(model, gains=gains))
    lms = interpolate(torch.from_numpy(ms.copy()), model.ratio, model.ms_phase).numpy()
    return hqnr(fused, lms, pan, sensor=sensor, ratio=model.ratio)


def _described(adapted: Checkpoint, job: AdaptJob, result: AdaptResult, scenes: list[WaldScene]) -> Checkpoint:
    record: dict[str, Any] = {
        "pan": Path(job.sharpen.pan).name,
        "ms": Path(job.sharpen.ms).name,
        "config": asdict(job.config),
        "key": _key(job.sharpen),
        "base": result.base,
        "steps": result.steps,
        "unseen": result.unseen,
        "hqnr": result.hqnr,
    }
    own = {"name": Path(job.output).stem, "adapted": record, "radiometry": training_radiometry(scenes)}
    return replace(adapted, metadata=dict(adapted.metadata) | own)
