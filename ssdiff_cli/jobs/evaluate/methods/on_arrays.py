"""Fusers that see nothing but a sample's arrays: EXP, the classical methods, and a model."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ssdiff_cli.jobs.evaluate.method_names import MODEL_METHODS, method_settings
from ssdiff_cli.jobs.evaluate.methods.model import Model
from ssdiff_cli.jobs.evaluate.samples.sample import Fuser, Sample
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models import classical
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import FloatArray

__all__ = ["array_fusers", "array_source"]


def array_fusers(
    methods: Iterable[str], *, sensor: Sensor, ratio: int, model: Model | None
) -> dict[str, Fuser]:
    """Returns a fuser for each method.

    Args:
        methods: Their names.
        sensor: With the gains of the bands.
        ratio: PAN pixels per MS pixel.
        model: For the methods that need one.
    """
    return {name: _fuser(name, sensor, ratio, model) for name in methods}


def _fuser(name: str, sensor: Sensor, ratio: int, model: Model | None) -> Fuser:
    if name == "exp":
        return _exp
    if name not in MODEL_METHODS:
        return partial(_classical, name, sensor, ratio)
    assert model is not None
    return partial(_model, replace(model, settings=method_settings(name, model.settings)))


def _exp(sample: Sample) -> Pixels:
    return sample.lms


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


def _model(model: Model, sample: Sample) -> FloatArray:
    source = array_source(sample, model.checkpoint)
    fuser = model.fuser(source, sample.statistics)
    output = np.empty(sample.lms.shape, np.float32)
    for block in fuse_tiles(source, fuser, model.device.runner()):
        rows, cols = block.window.within(source.area)
        output[:, rows, cols] = block.fused
    return output


def array_source(sample: Sample, checkpoint: Checkpoint) -> ArraySource:
    """Returns a sample as a scene whose MS lies where the model wants it.

    MS pixel i of the scene is centred at PAN index ``ratio*i + phase`` of the model.
    """
    offset = (checkpoint.ms_phase - sample.phase) / checkpoint.ratio
    ms = sample.ms.astype(np.float32)
    if offset != 0:
        moved = [shift_image(torch.from_numpy(band), (offset, offset)) for band in sample.ms]
        ms = torch.stack(moved).float().numpy()
    return ArraySource(pan=sample.pan.astype(np.float32), ms=ms, ratio=checkpoint.ratio)
