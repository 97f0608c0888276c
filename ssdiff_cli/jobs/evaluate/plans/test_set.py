"""The plan of an evaluation on a test set."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ssdiff_cli.jobs.evaluate.method_names import method_notes, needs_model, without_model
from ssdiff_cli.jobs.evaluate.methods.model import Model, load_model
from ssdiff_cli.jobs.evaluate.methods.on_arrays import array_fusers
from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.sample import Sample, crop_slices
from ssdiff_cli.jobs.evaluate.settings import Note, Settings
from ssdiff_cli.jobs.test_sets import Dataset, guess_sensor, open_dataset
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.scene import sensors
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
    known = request.known_sensor or guess_sensor(dataset)
    sensor = _with_bands(known or sensors.get("generic"), dataset.bands)
    methods, model, notes = _models(request, dataset, sensor if known else None)
    if known is None:
        notes = (*notes, NO_SENSOR)
    settings = Settings(
        protocol="reduced-resolution" if dataset.has_reference else "full-resolution",
        inputs=(path,),
        sensor=sensor,
        ratio=dataset.ratio,
        crop=request.border if dataset.has_reference else 0,
        peak=_peak(dataset, known),
        unit="image",
        notes=(*notes, *method_notes(methods)),
    )
    return Plan(
        settings=settings,
        samples=_samples(dataset, settings.crop),
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
        model = load_model(request.choice, bands=dataset.bands, ratio=dataset.ratio, sensor=sensor)
    except ModelError as error:
        if not request.model_is_optional:
            raise
        rest, note = without_model(methods, error)
        return rest, None, (note,)
    return methods, model, ()


def _peak(dataset: Dataset, sensor: Sensor | None) -> float:
    if dataset.peak:
        return dataset.peak
    if sensor is not None:
        return sensor.full_scale
    return full_scale(None, float(dataset.read["ms"](0).max()))


def _samples(dataset: Dataset, crop: int) -> Iterator[Sample]:
    """Yields the images; MS pixel i lies at PAN index ``ratio*i + ratio/2``, as in PanCollection."""
    for index in range(dataset.count):
        image = {name: read(index) for name, read in dataset.read.items()}
        rows, cols = image["pan"].shape[1:]
        name = f"{dataset.path}: image {index}"
        yield Sample(
            name=name,
            pan=image["pan"][0],
            ms=image["ms"],
            lms=image["lms"],
            valid=np.ones((rows, cols), dtype=np.bool_),
            inner=crop_slices(name, rows, cols, crop),
            phase=dataset.ratio / 2,
            reference=image.get("gt"),
        )
