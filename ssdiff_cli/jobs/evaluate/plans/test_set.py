"""The plans of evaluations that need no pair: a test set, or products against a reference raster."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ssdiff_cli.jobs.evaluate.method_names import (
    DEFAULT_METHODS,
    MODEL_METHODS,
    method_notes,
    needs_model,
)
from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model, array_fusers, load_model
from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.sample import Sample, Settings, crop_slices
from ssdiff_cli.jobs.evaluate.scores import ProtocolName
from ssdiff_cli.jobs.evaluate.scoring import score_samples
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_cli.jobs.test_sets import Dataset, guess_sensor, open_dataset
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = ["dataset_plan", "dataset_samples"]


def dataset_samples(dataset: Dataset, crop: int) -> Iterator[Sample]:
    """Yields the images of a test set; its MS pixel i lies at PAN index ``ratio*i + ratio/2``, as in all of PanCollection's data."""
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
    sensor = request.known_sensor or guess_sensor(dataset)
    known = sensor or sensors.get("generic")
    exact = replace(
        known, ms_gains=known.gains(dataset.bands), bands=_band_names(known, dataset.bands)
    )
    methods, model, notes = _models(request, dataset, exact if sensor else None)
    if sensor is None:
        notes = (
            *notes,
            "the file does not tell its sensor: generic MTF gains (0.3); name it with --sensor",
        )
    settings = Settings(
        protocol=_protocol(dataset),
        inputs=(path,),
        sensor=exact,
        ratio=dataset.ratio,
        crop=request.border if dataset.has_reference else 0,
        peak=dataset.peak
        or (sensor.full_scale if sensor else full_scale(None, float(dataset.read["ms"](0).max()))),
        unit="image",
        notes=(*notes, *method_notes(methods)),
    )
    fusers = array_fusers(methods, sensor=exact, ratio=dataset.ratio, model=model)
    return Plan(
        settings=settings,
        methods=tuple(fusers),
        count=dataset.count,
        run=lambda: score_samples(settings, dataset_samples(dataset, settings.crop), fusers),
        model=model,
    )


def _models(
    request: EvaluationRequest, dataset: Dataset, sensor: Sensor | None
) -> tuple[tuple[str, ...], Model | None, tuple[str, ...]]:
    """Returns the methods to fuse with, the model if one of them is its, and what the user should know."""
    methods = DEFAULT_METHODS if request.methods is None else request.methods
    if not needs_model(methods):
        return methods, None, ()
    try:
        return (
            methods,
            load_model(request.choice, bands=dataset.bands, ratio=dataset.ratio, sensor=sensor),
            (),
        )
    except ModelError as error:
        if request.methods is not None or request.choice.model is not None:
            raise
        return (
            tuple(name for name in methods if name not in MODEL_METHODS),
            None,
            (f"{NETWORK} is left out: {error}",),
        )


def _protocol(dataset: Dataset) -> ProtocolName:
    return "reduced-resolution" if dataset.has_reference else "full-resolution"


def _band_names(sensor: Sensor, count: int) -> tuple[str, ...]:
    return (
        sensor.bands
        if len(sensor.bands) == count
        else tuple(f"band {k}" for k in range(1, count + 1))
    )
