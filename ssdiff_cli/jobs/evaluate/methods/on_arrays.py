"""The methods that an evaluation can fuse with: EXP, the classical ones, and a model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ssdiff_cli.device import DeviceChoice, choose
from ssdiff_cli.jobs.evaluate.method_names import MODEL_METHODS, row_settings
from ssdiff_cli.jobs.evaluate.request import ModelChoice
from ssdiff_cli.jobs.evaluate.samples.sample import Fuser, Sample
from ssdiff_cli.jobs.test_sets import Pixels
from ssdiff_models import classical, zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.errors import ModelError
from ssdiff_models.fusion.model_fuser import FusionSettings, ModelFuser
from ssdiff_models.fusion.stream import fuse_tiles
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.band_matching import spectral_order
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import FloatArray, Source
from ssdiff_models.scene.statistics import SceneStatistics

__all__ = ["Model", "array_fusers", "load_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model with what was chosen for it."""

    checkpoint: Checkpoint
    settings: FusionSettings
    device: DeviceChoice

    def fuser(self, source: Source, statistics: SceneStatistics | None = None) -> ModelFuser:
        """Returns the model bound to a scene, or to a part of one with the whole scene's statistics."""
        return ModelFuser.for_scene(
            self.checkpoint,
            source,
            self.settings,
            precision=self.device.precision,
            statistics=statistics,
        )


def load_model(choice: ModelChoice, *, bands: int, ratio: int, sensor: Sensor | None) -> Model:
    """Loads the chosen model, or the shipped one for that many bands and that ratio, onto its device.

    Args:
        choice: What the user chose.
        bands: MS bands of the data.
        ratio: PAN pixels per MS pixel of the data.
        sensor: With the gains of the very bands; None where it is not known.

    Raises:
        ModelError: When there is none, it cannot be loaded, or it is for another ratio.
    """
    name = sensor.name if sensor else None
    path = (
        zoo.locate(choice.model)
        if choice.model
        else zoo.find_model(bands=bands, ratio=ratio, sensor=name).path
    )
    checkpoint = load_checkpoint(path)
    if checkpoint.ratio != ratio:
        raise ModelError(
            f"model {checkpoint.name} was trained for ratio {checkpoint.ratio}, the data have {ratio}: choose another --model"
        )
    settings = FusionSettings.of(checkpoint, steps=choice.steps, seed=choice.seed)
    if sensor is not None:
        # As `ssdiff sharpen` does where the sensor is known.
        order = spectral_order(sensor.bands)
        settings = replace(settings, gains=sensor.ms_gains, order=order)
    device = choose(choice.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
    return Model(
        checkpoint=replace(checkpoint, network=device.place(checkpoint.network)),
        settings=settings,
        device=device,
    )


def array_fusers(
    methods: Iterable[str], *, sensor: Sensor, ratio: int, model: Model | None
) -> dict[str, Fuser]:
    """Returns fusers that see nothing but a sample's arrays; `model` may be None where none of its methods is asked for."""
    fusers: dict[str, Fuser] = {}
    for name in methods:
        if name in MODEL_METHODS:
            assert model is not None
            fusers[name] = partial(
                _model_on_arrays, replace(model, settings=row_settings(name, model.settings))
            )
        elif name == "exp":
            fusers[name] = _exp
        else:
            fusers[name] = partial(_classical_on_arrays, name, sensor, ratio)
    return fusers


def _exp(sample: Sample) -> Pixels:
    return sample.lms


def _classical_on_arrays(method: str, sensor: Sensor, ratio: int, sample: Sample) -> Pixels:
    return classical.fuse(
        method,
        pan=sample.pan,
        ms=sample.ms,
        lms=sample.lms,
        sensor=sensor,
        ratio=ratio,
        phase=sample.phase,
    )


def _model_on_arrays(model: Model, sample: Sample) -> FloatArray:
    checkpoint = model.checkpoint
    source = ArraySource(
        pan=sample.pan.astype(np.float32),
        ms=at_phase(sample, checkpoint.ratio, checkpoint.ms_phase),
        ratio=checkpoint.ratio,
    )
    fuser = model.fuser(source, sample.statistics)
    output = np.empty(sample.lms.shape, np.float32)
    for block in fuse_tiles(source, fuser, model.device.runner()):
        output[(slice(None), *block.window.within(source.area))] = block.fused
    return output


def at_phase(sample: Sample, ratio: int, phase: float) -> FloatArray:
    """Returns the sample's MS resampled so that pixel i is centred at PAN index ``ratio*i + phase``."""
    offset = (phase - sample.phase) / ratio
    if offset == 0:
        return sample.ms.astype(np.float32)
    moved = [shift_image(torch.from_numpy(band), (offset, offset)) for band in sample.ms]
    return torch.stack(moved).float().numpy()
