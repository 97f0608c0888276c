"""The methods as fusers of samples: from a sample's arrays, or from the scene it is a part of."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from ssdiff_cli.jobs.evaluate.method_names import MODEL_METHODS, method_settings
from ssdiff_cli.jobs.evaluate.plan import Fuser, Model, Sample
from ssdiff_cli.jobs.sharpen.classical_method import ClassicalMethod
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models import classical
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.blocks import FusedBlock
from ssdiff_models.fusion.crispness import as_crisp_as_asked
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.zero_signal import black_levels, per_band

__all__ = ["array_fusers", "array_source", "scene_fusers"]


def array_fusers(
    methods: Iterable[str], *, sensor: Sensor, ratio: int, model: Model | None
) -> dict[str, Fuser]:
    """Returns fusers that see nothing but a sample's arrays; `model` is for those that need one."""
    return {name: _array_fuser(name, sensor, ratio, model) for name in methods}


def _array_fuser(name: str, sensor: Sensor, ratio: int, model: Model | None) -> Fuser:
    if name == "exp":
        return lambda sample: sample.lms
    if name not in MODEL_METHODS:
        return partial(_classical, name, sensor, ratio)
    assert model is not None
    return partial(_network, replace(model, settings=method_settings(name, model.settings)))


def _classical(method: str, sensor: Sensor, ratio: int, sample: Sample) -> Pixels:
    return classical.fuse(
        method,
        pan=sample.pan,
        ms=sample.ms,
        lms=sample.lms,
        sensor=sensor,
        ratio=ratio,
        phase=sample.phase,
    )


def _network(model: Model, sample: Sample) -> FloatArray:
    source = array_source(sample, model.checkpoint)
    fuser = model.fuser(source, sample.statistics)
    output = np.empty(sample.lms.shape, np.float32)
    for block in fuse_tiles(source, fuser, model.device.runner()):
        rows, cols = block.window.within(source.area)
        output[:, rows, cols] = block.fused
    return output


def array_source(sample: Sample, checkpoint: Checkpoint) -> ArraySource:
    """Returns a sample as a scene whose MS lies where the model wants it."""
    offset = (checkpoint.ms_phase - sample.phase) / checkpoint.ratio
    ms = sample.ms.astype(np.float32)
    if offset != 0:
        moved = [shift_image(torch.from_numpy(band), (offset, offset)) for band in sample.ms]
        ms = torch.stack(moved).float().numpy()
    return ArraySource(pan=sample.pan.astype(np.float32), ms=ms, ratio=checkpoint.ratio)


Blocks = Callable[[ScenePair], Iterable[FusedBlock]]
"""Fuses a part of a scene."""


def scene_fusers(
    methods: Iterable[str], pair: ScenePair, job: SharpenJob, *, model: Model | None, scale: float
) -> dict[str, Fuser]:
    """Returns fusers that give the pixels that ``ssdiff sharpen`` writes.

    The first use of a classical method takes its statistics of the scene. `scale` is the factor
    from values above zero signal to scored ones; the method of `job` is ignored.
    """
    zeros = per_band(black_levels(pair.statistics()))
    factor = np.float32(scale)

    def scored(fused: FloatArray) -> FloatArray:
        written = cast(fused, pair.ms.dtype).astype(np.float32)
        return (written - zeros) * factor

    def interpolate(sample: Sample) -> FloatArray:
        return scored(sample.lms / factor + zeros)

    def fuse(blocks: Blocks, sample: Sample) -> FloatArray:
        assert sample.window is not None
        part = replace(pair, area=sample.window, imposed_statistics=pair.statistics())
        output = np.empty(sample.lms.shape, np.float32)
        for block in blocks(part):
            rows, cols = block.window.within(part.area)
            output[:, rows, cols] = scored(block.fused)
        return output

    fusers: dict[str, Fuser] = {}
    for name in methods:
        if name in MODEL_METHODS and model is not None:
            blocks = _network_blocks(name, pair, job, model)
        else:
            blocks = _classical_blocks(name, pair, job)
        fusers[name] = interpolate if name == "exp" else partial(fuse, blocks)
    return fusers


def _network_blocks(method: str, pair: ScenePair, job: SharpenJob, model: Model) -> Blocks:
    scene = pair.without_region()
    runner = model.device.runner()
    fuser = model.fuser(scene)
    settings = method_settings(method, fuser.settings)
    exact = settings.consistency and job.device.precision == "auto"
    # As `sharpen` does: what is projected is for measurements.
    precision = torch.float32 if exact else fuser.precision
    own = replace(fuser, settings=settings, precision=precision)
    crisp = as_crisp_as_asked(own, scene, runner)
    return lambda part: fuse_tiles(part, crisp, runner)


def _classical_blocks(method: str, pair: ScenePair, job: SharpenJob) -> Blocks:
    @cache
    def bound() -> ClassicalMethod:
        return ClassicalMethod.bind(replace(job, method=method), pair)

    return lambda part: bound().fuse(part)
