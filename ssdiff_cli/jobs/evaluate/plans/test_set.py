"""The plan of an evaluation on a test set."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ssdiff_cli.device import choose
from ssdiff_cli.jobs.evaluate.method_names import method_notes, needs_model, without_model
from ssdiff_cli.jobs.evaluate.methods import array_fusers
from ssdiff_cli.jobs.evaluate.plan import Model, MsTarget, Note, Plan, Sample, Settings
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.windows import crop_slices
from ssdiff_cli.jobs.test_sets import Dataset, guess_sensor, open_dataset
from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.metrics import find_places
from ssdiff_models.metrics.block_index import pan_lowpass
from ssdiff_models.scene.band_matching import spectral_order
from ssdiff_models.scene.sensors import Sensor

__all__ = ["dataset_plan"]

NO_SENSOR = Note(
    text="the file does not tell its sensor: generic MTF gains (0.3); name it with --sensor"
)


def dataset_plan(request: EvaluationRequest, path: str, stack: ExitStack) -> Plan:
    """Opens a test set until `stack` closes.

    Raises:
        SsdiffError: When it, or the model, cannot be used.
    """
    dataset = stack.enter_context(open_dataset(path))
    if request.ratio not in (None, dataset.ratio):
        raise UsageError(
            f"{path}: its ratio is {dataset.ratio}, not {request.ratio}: leave out --ratio"
        )
    known = request.known_sensor if request.sensor else guess_sensor(dataset)
    sensor = _with_bands(known or request.known_sensor, dataset.bands)
    methods, model, notes = _models(request, dataset, sensor if known else None)
    if known is not None:
        peak = known.full_scale
    else:
        peak = full_scale(sensor, float(dataset.read("ms", 0).max()))
        notes = (*notes, NO_SENSOR)
    settings = Settings(
        protocol="reduced-resolution" if dataset.has_reference else "full-resolution",
        inputs=(path,),
        sensor=sensor,
        ratio=dataset.ratio,
        crop=request.border if dataset.has_reference else 0,
        peak=dataset.peak or peak,
        unit="image",
        notes=(*notes, *method_notes(methods)),
    )
    return Plan(
        settings=settings,
        samples=_samples(dataset, settings),
        count=dataset.count,
        fusers=array_fusers(methods, sensor=sensor, ratio=dataset.ratio, model=model),
        model=model,
    )


def _with_bands(sensor: Sensor, count: int) -> Sensor:
    bands = sensor.bands
    if len(bands) != count:
        bands = tuple(f"band {k}" for k in range(1, count + 1))
    return replace(sensor, ms_gains=sensor.gains(count), bands=bands)


def _models(
    request: EvaluationRequest, dataset: Dataset, sensor: Sensor | None
) -> tuple[tuple[str, ...], Model | None, tuple[Note, ...]]:
    """Returns the methods to fuse with, their model, and notes about it."""
    methods = request.fusing_methods
    if not needs_model(methods):
        return methods, None, ()
    try:
        model = _load_model(request, dataset, sensor)
    except ModelError as error:
        if not request.model_is_optional:
            raise
        rest, note = without_model(methods, error)
        return rest, None, (note,)
    return methods, model, ()


def _load_model(request: EvaluationRequest, dataset: Dataset, sensor: Sensor | None) -> Model:
    """Loads the requested model, or the shipped one that fits, onto its device.

    Raises:
        ModelError: When there is none, it cannot be loaded, or it is for another ratio.
    """
    ratio = dataset.ratio
    if request.model:
        path = zoo.locate(request.model)
    else:
        name = sensor.name if sensor else None
        path = zoo.find_model(bands=dataset.bands, ratio=ratio, sensor=name).path
    checkpoint = load_checkpoint(path)
    if checkpoint.ratio != ratio:
        raise ModelError(
            f"model {checkpoint.name} was trained for ratio {checkpoint.ratio}, the data have "
            f"{ratio}: choose another --model"
        )
    settings = FusionSettings.of(checkpoint, steps=request.steps, seed=request.seed)
    if sensor is not None:
        # As `ssdiff sharpen` does where the sensor is known.
        order = spectral_order(sensor.bands)
        settings = replace(settings, gains=sensor.ms_gains, order=order)
    device = choose(request.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
    on_device = replace(checkpoint, network=device.place(checkpoint.network))
    return Model(checkpoint=on_device, settings=settings, device=device)


def _samples(dataset: Dataset, settings: Settings) -> Iterator[Sample]:
    """Yields the images; MS pixel i lies at PAN index ``ratio*i + ratio/2``, PanCollection's."""
    for index in range(dataset.count):
        image = {name: dataset.read(name, index) for name in dataset.arrays}
        rows, cols = image["pan"].shape[1:]
        name = f"{dataset.path}: image {index}"
        inner = crop_slices(name, rows, cols, settings.crop)
        sample = Sample(
            name=name,
            pan=image["pan"][0],
            ms=image["ms"],
            lms=image["lms"],
            valid=np.ones((rows, cols), dtype=np.bool_),
            inner=inner,
            phase=dataset.ratio / 2,
            reference=image.get("gt"),
        )
        yield sample if dataset.has_reference else _with_target(sample, settings)


def _with_target(sample: Sample, settings: Settings) -> Sample:
    """Returns a sample without a reference, its MS located on the PAN by search."""
    ratio = settings.ratio
    places = find_places(sample.pan, sample.ms, gains=settings.sensor.ms_gains, ratio=ratio)
    rows, cols = sample.ms.shape[1:]
    target = MsTarget(pixels=sample.ms, places=places, size=(rows, cols))
    low = pan_lowpass(sample.pan[None].astype(np.float64), ratio)
    return replace(sample, target=target, pan_low=low[0])
