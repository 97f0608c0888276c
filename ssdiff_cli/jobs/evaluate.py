"""``ssdiff eval`` on named datasets: what the user asks for becomes a plan that yields scores."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ssdiff_cli.jobs.evaluate_datasets import Dataset, dataset_samples, guess_sensor, open_dataset
from ssdiff_cli.jobs.evaluate_methods import DEFAULT_METHODS, MODEL_METHOD, Model, ModelChoice, array_fusers, load_model
from ssdiff_cli.jobs.evaluate_pairs import PairSamples, Validity, full_samples, pair_sensor, reduced_samples
from ssdiff_cli.jobs.evaluate_products import Grid, Product, open_bands, open_products
from ssdiff_cli.jobs.evaluate_reference import reference_windows, score_products
from ssdiff_cli.jobs.evaluate_samples import Event, Fuser, Plan, Settings, score_pieces, score_samples
from ssdiff_cli.jobs.evaluate_scene import scene_fusers
from ssdiff_cli.jobs.evaluate_windows import sample_windows, window_count, window_side
from ssdiff_cli.rasters.pair import PairOptions, ScenePair, open_pair
from ssdiff_cli.rasters.stats import sample_statistics
from ssdiff_models import sensors
from ssdiff_models.arrays import default_limits
from ssdiff_models.errors import InputError, ModelError, UsageError
from ssdiff_models.scene import BoolArray
from ssdiff_models.sensors import Sensor
from ssdiff_models.tiles import Window

__all__ = ["Request", "open_plan"]

CROP = 21
"""Border cut of the DLPan toolbox where there is a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to score, and how. Exactly one of the four sources is given."""

    reduced: tuple[str, str] | None = None
    """PAN and MS to degrade by Wald's protocol."""
    full: tuple[str, str] | None = None
    """PAN and MS to fuse as they are."""
    dataset: str | None = None
    """A test set."""
    reference: str | None = None
    """A raster on the grid of `fused`."""
    fused: tuple[str, ...] = ()
    """Given products: to score against `full` or `reference`."""
    methods: tuple[str, ...] | None = None
    """Methods to fuse with; None chooses."""
    sensor: str | None = None
    """Whose MTF and full scale to use; None is what a test set tells, else the generic one."""
    choice: ModelChoice = field(default_factory=ModelChoice)
    crop: int | None = None
    """Border cut in pixels of the scored grid; None is 21 where there is a reference, else 0."""
    windows: int | None = None
    """Windows to sample; None is the whole scene unless it is large."""
    ratio: int | None = None
    """PAN pixels per MS pixel; None is what the data say."""

    def __post_init__(self) -> None:
        given = [source for source in (self.reduced, self.full, self.dataset, self.reference) if source is not None]
        if len(given) != 1:
            raise UsageError("give one of --reduced-res PAN MS, --full-res PAN MS, --dataset FILE, or --fused F --reference GT")
        if self.reference is not None and not self.fused:
            raise UsageError("--reference needs the products to score: --fused FILE")
        if self.fused and not (self.full or self.reference):
            raise UsageError("--fused goes with --full-res PAN MS or with --reference GT")
        if self.reference is not None and self.methods is not None:
            raise UsageError("--methods needs a PAN and an MS: with --reference only given products are scored")
        if (self.crop or 0) < 0 or (self.windows or 1) < 1:
            raise UsageError("--crop cannot be negative, and --windows must be 1 or more")
        if self.windows is not None and self.dataset is not None:
            raise UsageError("--windows is for scenes: a test set's images are scored whole")
        if self.full is not None and self.crop:
            raise UsageError("full resolution has no border cut: leave out --crop")

    def known_sensor(self) -> Sensor | None:
        """Returns the sensor that the user named.

        Raises:
            UsageError: When it is unknown.
        """
        return None if self.sensor is None else sensors.get(self.sensor)


@contextmanager
def open_plan(request: Request) -> Iterator[Plan]:
    """Opens what is to be scored and decides everything before the first pixel.

    Raises:
        InputError: When the data cannot be scored.
        ModelError: When the model cannot be used.
        UsageError: When the request cannot be used as given.
    """
    request.known_sensor()
    with ExitStack() as stack:
        if request.dataset is not None:
            yield _dataset_plan(request, stack.enter_context(open_dataset(request.dataset)))
        elif request.reference is not None:
            yield _reference_plan(request, request.reference, stack)
        else:
            yield _pair_plan(request, stack)


def _pair_plan(request: Request, stack: ExitStack) -> Plan:
    names = request.reduced or request.full
    assert names is not None
    options = PairOptions(ratio=request.ratio)
    pair = stack.enter_context(open_pair(*names, options=options))
    methods, model, notes = _models(request, bands=pair.bands, ratio=pair.ratio, limits=default_limits(pair.ms.dtype))
    if model is not None and model.checkpoint.ms_phase != pair.ms_phase:
        pair = stack.enter_context(
            open_pair(*names, options=replace(options, ratio=pair.ratio, ms_phase=model.checkpoint.ms_phase))
        )
    multiple = pair.ratio**2 if request.reduced else pair.ratio
    products = _products(request, pair, stack)
    area = _common_area(pair, products)
    scene = PairSamples(pair, area=area, multiple=multiple, windows=request.windows, in_pieces=request.full is not None)
    products = {name: replace(product, scale=scene.scale) for name, product in products.items()}
    sensor = pair_sensor(pair, request.known_sensor() or sensors.get("generic"))
    largest = max(band.maximum for band in scene.statistics().ms)
    settings = Settings(
        protocol="reduced-resolution" if request.reduced else "full-resolution",
        inputs=names,
        sensor=sensor,
        ratio=pair.ratio,
        crop=_crop(request) if request.reduced else 0,
        peak=_peak(request.known_sensor(), largest, pair.ms.dtype),
        unit="scene" if scene.asked is None else "window",
        notes=(*pair.notes, *notes, *_scene_notes(scene, request)),
    )
    fusers: dict[str, Fuser] = {name: product.fuse for name, product in products.items()}
    if request.reduced:
        fusers |= array_fusers(methods, sensor=sensor, ratio=pair.ratio, model=model)
    else:
        fusers |= scene_fusers(methods, pair, sensor=sensor, model=model, scale=scene.scale)

    def run() -> Iterator[Event]:
        if request.reduced:
            return score_samples(settings, reduced_samples(scene, sensor, settings.crop), fusers)
        return score_pieces(settings, full_samples(scene, _validity(products)), fusers)

    return Plan(
        settings=settings,
        methods=tuple(fusers),
        count=scene.count,
        run=run,
        model=model,
    )


def _products(request: Request, pair: ScenePair, stack: ExitStack) -> dict[str, Product]:
    grid = Grid(path=pair.pan.path, bands=pair.pan, transform=pair.transform, count=pair.bands, count_path=pair.ms.path)
    return stack.enter_context(open_products(request.fused, grid))


def _common_area(pair: ScenePair, products: dict[str, Product]) -> Window:
    area = pair.area
    for product in products.values():
        part = area.intersection(product.window)
        if part is None:
            raise InputError(f"{product.bands.path}: lies where {pair.pan.path} and {pair.ms.path} do not overlap")
        area = part
    return area


def _validity(products: dict[str, Product]) -> Validity | None:
    def valid(window: Window) -> BoolArray:
        masks: BoolArray = np.logical_and.reduce([product.valid(window) for product in products.values()])
        return masks

    return valid if products else None


def _scene_notes(scene: PairSamples, request: Request) -> Iterator[str]:
    if scene.scale != 1:
        yield f"values are reflectances: scored as DN, multiplied by {scene.scale}"
    if scene.asked is not None:
        alone = "; each window is degraded and fused on its own" if request.reduced else ""
        yield f"figures are means over {scene.count} of the scene's windows, drawn at random but always the same{alone}"
    if request.full:
        yield "the low-pass PAN of D_s is registered with the MS (the reference toolbox's is half a pixel off)"


def _models(
    request: Request, *, bands: int, ratio: int, limits: tuple[float, float] | None
) -> tuple[tuple[str, ...], Model | None, tuple[str, ...]]:
    """Returns the methods to fuse with, the model if one of them is its, and what the user should know."""
    if request.methods is None and request.fused:
        return ("exp",), None, ()
    methods = DEFAULT_METHODS if request.methods is None else request.methods
    if MODEL_METHOD not in methods:
        return methods, None, ()
    try:
        return methods, load_model(request.choice, bands=bands, ratio=ratio, limits=limits), ()
    except ModelError as error:
        if request.methods is not None or request.choice.model is not None:
            raise
        return tuple(name for name in methods if name != MODEL_METHOD), None, (f"{MODEL_METHOD} is left out: {error}",)


def _crop(request: Request) -> int:
    return CROP if request.crop is None else request.crop


def _peak(sensor: Sensor | None, largest: float, dtype: np.dtype[np.generic] | None = None) -> float:
    """Returns the sensor's full scale; else, or where the data cannot be its DN, the number of all bits that `largest` needs."""
    eight_bits = dtype is not None and dtype.itemsize == 1
    if sensor is not None and sensor.name != "generic" and largest <= sensor.full_scale and not eight_bits:
        return sensor.full_scale
    return float(2 ** max(int(np.ceil(np.log2(max(largest, 1) + 1))), 8) - 1)


def _dataset_plan(request: Request, dataset: Dataset) -> Plan:
    methods, model, notes = _models(request, bands=dataset.bands, ratio=dataset.ratio, limits=None)
    if request.ratio not in (None, dataset.ratio):
        raise UsageError(f"{dataset.path}: its ratio is {dataset.ratio}, not {request.ratio}: leave out --ratio")
    sensor = request.known_sensor() or guess_sensor(dataset)
    if sensor is None:
        notes = (*notes, "the file does not tell its sensor: generic MTF gains (0.3); name it with --sensor")
    known = sensor or sensors.get("generic")
    crop = _crop(request) if dataset.has_reference else 0
    settings = Settings(
        protocol="reduced-resolution" if dataset.has_reference else "full-resolution",
        inputs=(dataset.path,),
        sensor=replace(known, ms_gains=known.gains(dataset.bands), bands=_band_names(known, dataset.bands)),
        ratio=dataset.ratio,
        crop=crop,
        peak=dataset.peak or (sensor.full_scale if sensor else _peak(None, float(dataset.read["ms"](0).max()))),
        unit="image",
        notes=notes,
    )
    fusers = array_fusers(methods, sensor=settings.sensor, ratio=dataset.ratio, model=model)
    return Plan(
        settings=settings,
        methods=tuple(fusers),
        count=dataset.count,
        run=lambda: score_samples(settings, dataset_samples(dataset, crop), fusers),
        model=model,
    )


def _band_names(sensor: Sensor, count: int) -> tuple[str, ...]:
    return sensor.bands if len(sensor.bands) == count else tuple(f"band {k}" for k in range(1, count + 1))


def _reference_plan(request: Request, path: str, stack: ExitStack) -> Plan:
    bands = open_bands(path, stack)
    count = len(bands.indexes)
    grid = Grid(path=path, bands=bands, transform=bands.dataset.transform, count=count, count_path=path)
    reference = Product(bands=bands, row=0, col=0)
    products = stack.enter_context(open_products(request.fused, grid))
    whole = Window(row=0, col=0, rows=bands.rows, cols=bands.cols)
    for product in products.values():
        if product.window != whole:
            raise InputError(f"{product.bands.path}: covers another part of the ground than {path}: cut both to one grid")
    sensor = request.known_sensor() or sensors.get("generic")
    asked = window_count(whole, request.windows)
    ratio = request.ratio or sensor.ratio
    largest = max(band.maximum for band in sample_statistics(bands, whole))
    settings = Settings(
        protocol="reference",
        inputs=(path,),
        sensor=sensor,
        ratio=ratio,
        crop=_crop(request) if asked is None else 0,
        peak=_peak(request.known_sensor(), largest, bands.dtype),
        unit="scene" if asked is None else "window",
        notes=() if request.ratio else (f"ERGAS takes a ratio of {ratio}: name another with --ratio",),
    )
    windows = None if asked is None else partial(reference_windows, products, reference, asked)
    return Plan(
        settings=settings,
        methods=tuple(products),
        count=1 if asked is None else min(asked, sum(1 for _ in sample_windows(whole, 1, window_side(whole, asked)))),
        run=lambda: score_products(products, reference, settings, windows() if windows else None),
    )
