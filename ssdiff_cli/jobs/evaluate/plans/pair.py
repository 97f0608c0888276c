"""The plan of an evaluation on a PAN/MS pair: at reduced or at full resolution."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from ssdiff_cli.jobs.evaluate.method_names import (
    DEFAULT_METHODS,
    MODEL_METHODS,
    method_notes,
    needs_model,
)
from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model, array_fusers
from ssdiff_cli.jobs.evaluate.methods.on_scenes import scene_fusers
from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.pair import (
    PairSamples,
    Validity,
    full_samples,
    pair_sensor,
    reduced_samples,
)
from ssdiff_cli.jobs.evaluate.samples.products import Grid, Product, open_products
from ssdiff_cli.jobs.evaluate.samples.sample import Event, Fuser, Settings
from ssdiff_cli.jobs.evaluate.scores import ProtocolName
from ssdiff_cli.jobs.evaluate.scoring import score_pieces, score_samples
from ssdiff_cli.jobs.sharpen.job import NETWORK, FusionOptions, SharpenJob
from ssdiff_cli.jobs.sharpen.loaded_models import LoadedModels
from ssdiff_cli.jobs.sharpen.network_method import NetworkMethod
from ssdiff_cli.jobs.sharpen.scene import open_scene
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.errors import InputError, ModelError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.source import BoolArray
from ssdiff_models.scene.windows import Window

__all__ = ["pair_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A pair as ``ssdiff sharpen`` would see it."""

    pair: ScenePair
    model: Model | None
    methods: tuple[str, ...]
    """What to fuse with."""
    notes: tuple[str, ...]


def pair_plan(request: EvaluationRequest, stack: ExitStack) -> Plan:
    """Opens a pair, its products and its model until `stack` closes, and decides where and how it is scored.

    Raises:
        SsdiffError: When any of them cannot be used.
    """
    opened = _open(request, stack)
    pair = opened.pair
    products = _products(request, pair, stack)
    multiple = pair.ratio**2 if request.reduced else pair.ratio
    area = _common_area(pair, products)
    scene = PairSamples(
        pair,
        area=area,
        multiple=multiple,
        windows=request.windows,
        in_pieces=request.full is not None,
    )
    products = {
        name: replace(product, scale=scene.scale, black=scene.signal.black[:-1])
        for name, product in products.items()
    }
    settings = _settings(request, opened, scene)
    fusers: dict[str, Fuser] = {name: product.fuse for name, product in products.items()}
    if request.reduced:
        fusers |= array_fusers(
            opened.methods, sensor=settings.sensor, ratio=pair.ratio, model=opened.model
        )
    else:
        fusers |= scene_fusers(
            opened.methods, pair, _job(request, "exp"), model=opened.model, scale=scene.scale
        )

    def run() -> Iterator[Event]:
        if request.reduced:
            return score_samples(
                settings, reduced_samples(scene, settings.sensor, settings.crop), fusers
            )
        return score_pieces(settings, full_samples(scene, _validity(products)), fusers)

    return Plan(
        settings=settings,
        methods=tuple(fusers),
        count=scene.count,
        run=run,
        products=tuple(products),
        model=opened.model,
    )


def _open(request: EvaluationRequest, stack: ExitStack) -> _Opened:
    methods = _methods(request)
    if not needs_model(methods):
        return _open_with(_job(request, "exp"), methods, stack)
    try:
        return _open_with(_job(request, NETWORK), methods, stack)
    except ModelError as error:
        if request.methods is not None or request.choice.model is not None:
            raise
        rest = tuple(name for name in methods if name not in MODEL_METHODS)
        opened = _open_with(_job(request, "exp"), rest, stack)
        return replace(opened, notes=(*opened.notes, f"{NETWORK} is left out: {error}"))


def _methods(request: EvaluationRequest) -> tuple[str, ...]:
    if request.methods is not None:
        return request.methods
    return ("exp",) if request.fused else DEFAULT_METHODS


def _protocol(request: EvaluationRequest) -> ProtocolName:
    return "reduced-resolution" if request.reduced else "full-resolution"


def _job(request: EvaluationRequest, method: str) -> SharpenJob:
    """Returns the sharpening that would make a row of the table."""
    names = request.reduced or request.full
    assert names is not None
    choice = request.choice
    return SharpenJob(
        pan=names[0],
        ms=names[1],
        output="",
        pair=replace(request.pair, ratio=request.ratio),
        method=method,
        model=choice.model,
        sensor=request.sensor,
        register=request.register,
        fusion=FusionOptions(steps=choice.steps, seed=choice.seed),
        device=choice.device,
    )


def _open_with(job: SharpenJob, methods: tuple[str, ...], stack: ExitStack) -> _Opened:
    opened = stack.enter_context(open_scene(job, LoadedModels().checkpoint(job)))
    model = None
    if opened.checkpoint is not None:
        network = NetworkMethod.bind(job, opened.pair, opened.checkpoint)
        fuser = network.fuser
        model = Model(checkpoint=fuser.checkpoint, settings=fuser.settings, device=network.device)
    notes = opened.pair.notes
    if opened.registered and opened.shift is not None:
        notes = (*notes, "the MS was moved to fit the PAN (--register)")
    return _Opened(pair=opened.pair, model=model, methods=methods, notes=notes)


def _settings(request: EvaluationRequest, opened: _Opened, scene: PairSamples) -> Settings:
    pair = opened.pair
    names = request.reduced or request.full
    assert names is not None
    largest = max(band.maximum for band in scene.statistics().ms)
    return Settings(
        protocol=_protocol(request),
        inputs=names,
        sensor=pair_sensor(pair, request.known_sensor or sensors.get("generic")),
        ratio=pair.ratio,
        crop=request.border if request.reduced else 0,
        peak=full_scale(request.known_sensor, largest, pair.ms.dtype),
        unit="scene" if scene.asked is None else "window",
        notes=(*opened.notes, *_scene_notes(scene, request), *method_notes(opened.methods)),
    )


def _products(request: EvaluationRequest, pair: ScenePair, stack: ExitStack) -> dict[str, Product]:
    grid = Grid(
        path=pair.pan.path,
        bands=pair.pan,
        transform=pair.transform,
        count=pair.bands,
        count_path=pair.ms.path,
    )
    return stack.enter_context(open_products(request.fused, grid))


def _common_area(pair: ScenePair, products: dict[str, Product]) -> Window:
    area = pair.area
    for product in products.values():
        part = area.intersection(product.window)
        if part is None:
            raise InputError(
                f"{product.bands.path}: lies where {pair.pan.path} and {pair.ms.path} do not overlap"
            )
        area = part
    return area


def _validity(products: dict[str, Product]) -> Validity | None:
    def valid(window: Window) -> BoolArray:
        masks: BoolArray = np.logical_and.reduce(
            [product.valid(window) for product in products.values()]
        )
        return masks

    return valid if products else None


def _scene_notes(scene: PairSamples, request: EvaluationRequest) -> Iterator[str]:
    if scene.scale != 1:
        yield f"values are reflectances: scored as DN, multiplied by {scene.scale}"
    if any(scene.signal.black):
        yield "values are scored above the DN that scale and offset make zero"
    if scene.asked is not None:
        alone = "; each window is degraded and fused on its own" if request.reduced else ""
        yield f"figures are means over up to {scene.count} windows of the scene, drawn at random but always the same{alone}"
    if request.full:
        yield "the low-pass PAN of D_s is registered with the MS (the reference toolbox's is half a pixel off)"
