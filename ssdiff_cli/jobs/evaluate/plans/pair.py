"""The plan of an evaluation on a PAN/MS pair, at reduced or at full resolution."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from ssdiff_cli.jobs.evaluate.method_names import method_notes, needs_model, without_model
from ssdiff_cli.jobs.evaluate.methods import array_fusers, scene_fusers
from ssdiff_cli.jobs.evaluate.plan import Model, Note, Plan, Settings
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.alignment import locate
from ssdiff_cli.jobs.evaluate.samples.pair import PairSamples, pair_samples
from ssdiff_cli.jobs.evaluate.samples.products import Grid, Product, open_products
from ssdiff_cli.jobs.sharpen.band_names import band_names, scene_sensor
from ssdiff_cli.jobs.sharpen.job import NETWORK, FusionOptions, SharpenJob
from ssdiff_cli.jobs.sharpen.model_choice import find_model
from ssdiff_cli.jobs.sharpen.network_method import NetworkMethod
from ssdiff_cli.jobs.sharpen.scene import open_scene
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError, ModelError
from ssdiff_models.metrics import Place
from ssdiff_models.scene.windows import Window

__all__ = ["pair_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A pair as ``ssdiff sharpen`` sees it."""

    pair: ScenePair
    model: Model | None
    methods: tuple[str, ...]
    notes: tuple[Note, ...]


def pair_plan(request: EvaluationRequest, stack: ExitStack) -> Plan:
    """Opens a pair, its products and its model until `stack` closes.

    Raises:
        SsdiffError: When one of them cannot be used.
    """
    opened = _open(request, stack)
    pair = opened.pair
    grid = Grid(bands=pair.pan, transform=pair.transform, spectral=pair.ms)
    unscaled = open_products(request.fused, grid, stack)
    area = _common_area(pair, unscaled)
    reduced = request.reduced is not None
    scene = PairSamples.of(pair, area, windows=request.windows, reduced=reduced)
    zeros = scene.signal.zeros[:-1]
    products = {
        name: replace(product, scale=scene.scale, zeros=zeros) for name, product in unscaled.items()
    }
    validity = {name: product.valid for name, product in products.items()}
    settings = _settings(request, opened, scene)
    places: tuple[Place, ...] = ()
    if not reduced:
        located = locate(scene, settings.sensor.ms_gains)
        places = located.places
        notes = (*settings.notes, located.note)
        settings = replace(settings, natural_d_rho=located.natural_d_rho, notes=notes)
    if reduced:
        fusers = array_fusers(
            opened.methods, sensor=settings.sensor, ratio=pair.ratio, model=opened.model
        )
    else:
        job = _job(request, "exp")
        fusers = scene_fusers(opened.methods, pair, job, model=opened.model, scale=scene.scale)
    return Plan(
        settings=settings,
        samples=pair_samples(scene, settings, validity.values(), places),
        count=scene.count,
        fusers=products | fusers,
        products=validity,
        model=opened.model,
    )


def _open(request: EvaluationRequest, stack: ExitStack) -> _Opened:
    methods = request.fusing_methods
    if not needs_model(methods):
        return _open_with(_job(request, "exp"), methods, stack)
    try:
        return _open_with(_job(request, NETWORK), methods, stack)
    except ModelError as error:
        if not request.model_is_optional:
            raise
        rest, note = without_model(methods, error)
        opened = _open_with(_job(request, "exp"), rest, stack)
        return replace(opened, notes=(*opened.notes, note))


def _job(request: EvaluationRequest, method: str) -> SharpenJob:
    """Returns the sharpening that makes the image of a method."""
    pan, ms = request.pair_paths
    return SharpenJob(
        pan=pan,
        ms=ms,
        output="",
        pair=replace(request.pair, ratio=request.ratio),
        method=method,
        model=request.model,
        sensor=request.sensor,
        register=request.register,
        fusion=FusionOptions(steps=request.steps, seed=request.seed),
        device=request.device,
    )


def _open_with(job: SharpenJob, methods: tuple[str, ...], stack: ExitStack) -> _Opened:
    opened = stack.enter_context(open_scene(job, find_model, needs_mtf=True))
    model = None
    if opened.checkpoint is not None:
        network = NetworkMethod.bind(job, opened.pair, opened.checkpoint)
        fuser = network.fuser
        model = Model(checkpoint=fuser.checkpoint, settings=fuser.settings, device=network.device)
    notes = [Note(text=text) for text in opened.pair.notes]
    if opened.registered:
        notes.append(Note(text="the MS was moved to fit the PAN (--register)"))
    if opened.pair.mtf is not None:
        level = logging.WARNING if opened.pair.mtf.reason else logging.INFO
        notes.append(Note(text=f"MTF gains against the PAN: {opened.pair.mtf}", level=level))
    return _Opened(pair=opened.pair, model=model, methods=methods, notes=tuple(notes))


def _settings(request: EvaluationRequest, opened: _Opened, scene: PairSamples) -> Settings:
    pair = opened.pair
    bands = tuple(name or f"band {k}" for k, name in enumerate(band_names(pair), 1))
    sensor = replace(scene_sensor(request.sensor, pair), bands=bands)
    largest = max(band.maximum for band in scene.statistics().ms)
    notes = (*opened.notes, *_scene_notes(scene, request), *method_notes(opened.methods))
    return Settings(
        protocol="reduced-resolution" if request.reduced else "full-resolution",
        inputs=request.pair_paths,
        sensor=sensor,
        ratio=pair.ratio,
        crop=request.border if request.reduced else 0,
        peak=full_scale(sensor, largest, pair.ms.dtype),
        unit="scene" if scene.asked is None else "window",
        notes=notes,
    )


def _common_area(pair: ScenePair, products: dict[str, Product]) -> Window:
    area = pair.area
    for product in products.values():
        part = area.intersection(product.window)
        if part is None:
            raise InputError(
                f"{product.bands.path}: lies where {pair.pan.path} and {pair.ms.path} do not "
                "overlap"
            )
        area = part
    return area


def _scene_notes(scene: PairSamples, request: EvaluationRequest) -> Iterator[Note]:
    if scene.scale != 1:
        yield Note(text=f"values are reflectances: scored as DN, multiplied by {scene.scale}")
    if any(scene.signal.zeros):
        yield Note(text="values are scored above the DN that scale and offset make zero")
    if scene.asked is not None:
        alone = "; each window is degraded and fused on its own" if request.reduced else ""
        yield Note(
            text=f"figures are means over up to {scene.count} windows of the scene, drawn at "
            f"random but always the same{alone}"
        )
    if request.full:
        yield Note(
            text="the low-pass PAN of D_s is registered with the MS (the reference toolbox's is "
            "half a pixel off)"
        )
