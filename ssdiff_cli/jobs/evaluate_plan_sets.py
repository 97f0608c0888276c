"""The plans of evaluations that need no pair: a test set, or products against a reference raster."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from ssdiff_cli.jobs.evaluate.method_names import DEFAULT_METHODS, MODEL_METHODS, method_notes, needs_model
from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model, array_fusers, load_model
from ssdiff_cli.jobs.evaluate.request import Request, full_scale
from ssdiff_cli.jobs.evaluate.scores import ProtocolName, UnitName
from ssdiff_cli.jobs.evaluate.scoring import score_samples
from ssdiff_cli.jobs.evaluate_products import Grid, Product, open_bands, open_products
from ssdiff_cli.jobs.evaluate_reference import reference_windows, score_products
from ssdiff_cli.jobs.evaluate_samples import Plan, Settings
from ssdiff_cli.jobs.evaluate_windows import sample_windows, window_count, window_side
from ssdiff_cli.jobs.sharpen_job import NETWORK
from ssdiff_cli.jobs.test_sets import Dataset, dataset_samples, guess_sensor, open_dataset
from ssdiff_cli.rasters.stats import sample_statistics
from ssdiff_models.errors import InputError, ModelError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.scene.windows import Window

__all__ = ["dataset_plan", "reference_plan"]


def dataset_plan(request: Request, path: str, stack: ExitStack) -> Plan:
    """Opens a test set until `stack` closes.

    Raises:
        SsdiffError: When it, or the model, cannot be used.
    """
    dataset = stack.enter_context(open_dataset(path))
    if request.ratio not in (None, dataset.ratio):
        raise UsageError(f"{path}: its ratio is {dataset.ratio}, not {request.ratio}: leave out --ratio")
    sensor = request.known_sensor or guess_sensor(dataset)
    known = sensor or sensors.get("generic")
    exact = replace(known, ms_gains=known.gains(dataset.bands), bands=_band_names(known, dataset.bands))
    methods, model, notes = _models(request, dataset, exact if sensor else None)
    if sensor is None:
        notes = (*notes, "the file does not tell its sensor: generic MTF gains (0.3); name it with --sensor")
    settings = Settings(
        protocol=_protocol(dataset),
        inputs=(path,),
        sensor=exact,
        ratio=dataset.ratio,
        crop=request.border if dataset.has_reference else 0,
        peak=dataset.peak or (sensor.full_scale if sensor else full_scale(None, float(dataset.read["ms"](0).max()))),
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


def _models(request: Request, dataset: Dataset, sensor: Sensor | None) -> tuple[tuple[str, ...], Model | None, tuple[str, ...]]:
    """Returns the methods to fuse with, the model if one of them is its, and what the user should know."""
    methods = DEFAULT_METHODS if request.methods is None else request.methods
    if not needs_model(methods):
        return methods, None, ()
    try:
        return methods, load_model(request.choice, bands=dataset.bands, ratio=dataset.ratio, sensor=sensor), ()
    except ModelError as error:
        if request.methods is not None or request.choice.model is not None:
            raise
        return tuple(name for name in methods if name not in MODEL_METHODS), None, (f"{NETWORK} is left out: {error}",)


def _protocol(dataset: Dataset) -> ProtocolName:
    return "reduced-resolution" if dataset.has_reference else "full-resolution"


def _band_names(sensor: Sensor, count: int) -> tuple[str, ...]:
    return sensor.bands if len(sensor.bands) == count else tuple(f"band {k}" for k in range(1, count + 1))


def reference_plan(request: Request, path: str, stack: ExitStack) -> Plan:
    """Opens a reference and the products on its grid until `stack` closes.

    Raises:
        SsdiffError: When they cannot be compared.
    """
    bands = open_bands(path, stack)
    count = len(bands.indexes)
    grid = Grid(path=path, bands=bands, transform=bands.dataset.transform, count=count, count_path=path)
    reference = Product(bands=bands, row=0, col=0, black=bands.black)
    found = stack.enter_context(open_products(request.fused, grid))
    products = {name: replace(product, black=bands.black) for name, product in found.items()}
    whole = Window(row=0, col=0, rows=bands.rows, cols=bands.cols)
    for product in products.values():
        if product.window != whole:
            raise InputError(f"{product.bands.path}: covers another part of the ground than {path}: cut both to one grid")
    asked = window_count(whole, request.windows)
    settings = _reference_settings(request, reference, path, "scene" if asked is None else "window")
    windows = None if asked is None else partial(reference_windows, products, reference, asked)
    return Plan(
        settings=settings,
        methods=tuple(products),
        count=1 if asked is None else min(asked, sum(1 for _ in sample_windows(whole, 1, window_side(whole, asked)))),
        run=lambda: score_products(products, reference, settings, windows() if windows else None),
        products=tuple(products),
    )


def _reference_settings(request: Request, reference: Product, path: str, unit: UnitName) -> Settings:
    sensor = request.known_sensor or sensors.get("generic")
    ratio = request.ratio or sensor.ratio
    largest = max(band.maximum for band in sample_statistics(reference.bands, reference.window))
    return Settings(
        protocol="reference",
        inputs=(path,),
        sensor=sensor,
        ratio=ratio,
        crop=request.border if unit == "scene" else 0,
        peak=full_scale(request.known_sensor, largest, reference.bands.dtype),
        unit=unit,
        notes=() if request.ratio else (f"ERGAS takes a ratio of {ratio}: name another with --ratio",),
    )
