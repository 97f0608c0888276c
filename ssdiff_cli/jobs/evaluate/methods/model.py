"""A model with the settings and the device that an evaluation runs it with."""

from dataclasses import dataclass, replace

from ssdiff_cli.device import DeviceChoice, choose
from ssdiff_cli.jobs.evaluate.request import ModelChoice
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.errors import ModelError
from ssdiff_models.fusion.model_fuser import FusionSettings, ModelFuser
from ssdiff_models.scene.band_matching import spectral_order
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.source import Source
from ssdiff_models.scene.statistics import SceneStatistics

__all__ = ["Model", "load_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model, its settings and its device."""

    checkpoint: Checkpoint
    settings: FusionSettings
    device: DeviceChoice

    def fuser(self, source: Source, statistics: SceneStatistics | None = None) -> ModelFuser:
        """Returns the model bound to a scene, or to a part of the scene of `statistics`."""
        return ModelFuser.for_scene(
            self.checkpoint,
            source,
            self.settings,
            precision=self.device.precision,
            statistics=statistics,
        )


def load_model(choice: ModelChoice, *, bands: int, ratio: int, sensor: Sensor | None) -> Model:
    """Loads the chosen model, or the shipped one that fits, onto its device.

    Args:
        choice: What the user chose.
        bands: MS bands of the data.
        ratio: PAN pixels per MS pixel of the data.
        sensor: With the gains of the bands; None where it is unknown.

    Raises:
        ModelError: When there is none, it cannot be loaded, or it is for another ratio.
    """
    if choice.model:
        path = zoo.locate(choice.model)
    else:
        name = sensor.name if sensor else None
        path = zoo.find_model(bands=bands, ratio=ratio, sensor=name).path
    checkpoint = load_checkpoint(path)
    if checkpoint.ratio != ratio:
        raise ModelError(
            f"model {checkpoint.name} was trained for ratio {checkpoint.ratio}, the data have "
            f"{ratio}: choose another --model"
        )
    settings = FusionSettings.of(checkpoint, steps=choice.steps, seed=choice.seed)
    if sensor is not None:
        # As `ssdiff sharpen` does where the sensor is known.
        order = spectral_order(sensor.bands)
        settings = replace(settings, gains=sensor.ms_gains, order=order)
    device = choose(choice.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
    network = device.place(checkpoint.network)
    return Model(checkpoint=replace(checkpoint, network=network), settings=settings, device=device)
