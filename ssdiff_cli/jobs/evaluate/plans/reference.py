"""Plans for products that are scored against a reference."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np

from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.products import Grid, Product, open_bands, open_products
from ssdiff_cli.jobs.evaluate.samples.sample import (
    BLOCK,
    Event,
    Fused,
    Sample,
    Scored,
    Settings,
    crop_slices,
)
from ssdiff_cli.jobs.evaluate.samples.windows import (
    has_block,
    random_windows,
    window_count,
    window_side,
)
from ssdiff_cli.jobs.evaluate.scores import Scores, UnitName
from ssdiff_cli.rasters.reading.statistics import sample_statistics
from ssdiff_models import metrics
from ssdiff_models.errors import InputError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["reference_plan", "reference_windows", "score_products"]

STRIP_PIXELS = 4_000_000
"""Values (pixels times bands) that are read at a time from each raster."""
PICTURE = 1024
"""Side of the part that is kept for pictures."""


def score_products(
    products: dict[str, Product],
    reference: Product,
    settings: Settings,
    windows: Iterator[Window] | None,
) -> Iterator[Event]:
    """Yields the scores of each product on the whole reference, or on each of the windows."""
    whole = Window(row=0, col=0, rows=reference.bands.rows, cols=reference.bands.cols)
    if windows is None:
        rows, cols = crop_slices(reference.bands.path, whole.rows, whole.cols, settings.crop)
        scored = Window(
            row=rows.start, col=cols.start, rows=rows.stop - rows.start, cols=cols.stop - cols.start
        )
        windows = iter([scored])
    empty = True
    for window in windows:
        empty = False
        sample = _picture(reference, window)
        for name, product in products.items():
            yield Fused(sample=sample, method=name, image=product.fuse(sample))
            yield Scored(
                name=sample.name, method=name, scores=_score(product, reference, window, settings)
            )
    if empty:
        raise InputError(
            f"{reference.bands.path}: no window has a block of pixels that are valid in all rasters"
        )


def reference_windows(
    products: dict[str, Product], reference: Product, asked: int
) -> Iterator[Window]:
    """Yields up to `asked` random windows in which all rasters share a block of valid pixels."""
    whole = Window(row=0, col=0, rows=reference.bands.rows, cols=reference.bands.cols)
    usable = (
        w
        for w in random_windows(whole, 1, window_side(whole, asked))
        if has_block(_shared([reference, *products.values()], w), BLOCK)
    )
    return islice(usable, asked)


def _shared(rasters: list[Product], window: Window) -> BoolArray:
    valid = np.ones(window.shape, dtype=np.bool_)
    for raster in rasters:
        valid &= raster.valid(window)
    return valid


def _score(product: Product, reference: Product, window: Window, settings: Settings) -> Scores:
    parts: dict[str, metrics.Accumulator] = {
        "sam": metrics.SamAccumulator(),
        "ergas": metrics.ErgasAccumulator(ratio=settings.ratio),
        "q2n": metrics.Q2nAccumulator(),
        "uqi": metrics.UqiAccumulator(),
        "scc": metrics.SccAccumulator(),
        "psnr": metrics.PsnrAccumulator(peak=settings.peak),
        "ssim": metrics.SsimAccumulator(peak=settings.peak),
    }
    found = False
    for strip in _strips(window, len(reference.bands.indexes)):
        fused, there = product.read(strip)
        truth, known = reference.read(strip)
        valid = there & known
        found = found or bool(valid.any())
        for part in parts.values():
            part.update(fused, truth, None if valid.all() else valid)
    if not found:
        raise InputError(
            f"{product.bands.path} and {reference.bands.path} have no valid pixel in common"
        )
    return {name: part.result() for name, part in parts.items()}


def _strips(window: Window, bands: int) -> Iterator[Window]:
    # Whole blocks of Q2n, so that no rows wait for the next strip.
    height = max(STRIP_PIXELS // (window.cols * bands) // 32, 1) * 32
    for row in range(window.row, window.row_stop, height):
        yield Window(
            row=row, col=window.col, rows=min(height, window.row_stop - row), cols=window.cols
        )


def _picture(reference: Product, window: Window) -> Sample:
    """Returns the middle of a window for pictures; scores do not come from it."""
    rows, cols = min(window.rows, PICTURE), min(window.cols, PICTURE)
    middle = Window(
        row=window.row + (window.rows - rows) // 2,
        col=window.col + (window.cols - cols) // 2,
        rows=rows,
        cols=cols,
    )
    truth, valid = reference.read(middle)
    nothing: FloatArray = np.zeros((0, rows, cols), dtype=np.float32)
    return Sample(
        name=f"rows {middle.row} to {middle.row_stop}, columns {middle.col} to {middle.col_stop}",
        pan=nothing,
        ms=nothing,
        lms=nothing,
        valid=valid,
        inner=(slice(0, rows), slice(0, cols)),
        phase=0.0,
        reference=truth,
        window=middle,
    )


def reference_plan(request: EvaluationRequest, path: str, stack: ExitStack) -> Plan:
    """Opens a reference and the products on its grid until `stack` closes.

    Raises:
        SsdiffError: When they cannot be compared.
    """
    bands = open_bands(path, stack)
    count = len(bands.indexes)
    grid = Grid(
        path=path, bands=bands, transform=bands.dataset.transform, count=count, count_path=path
    )
    reference = Product(bands=bands, row=0, col=0, black=bands.black)
    found = stack.enter_context(open_products(request.fused, grid))
    products = {name: replace(product, black=bands.black) for name, product in found.items()}
    whole = Window(row=0, col=0, rows=bands.rows, cols=bands.cols)
    for product in products.values():
        if product.window != whole:
            raise InputError(
                f"{product.bands.path}: covers another part of the ground than {path}: cut both to one grid"
            )
    asked = window_count(whole, request.windows)
    settings = _reference_settings(request, reference, path, "scene" if asked is None else "window")
    windows = None if asked is None else partial(reference_windows, products, reference, asked)
    return Plan(
        settings=settings,
        methods=tuple(products),
        count=1
        if asked is None
        else min(asked, sum(1 for _ in random_windows(whole, 1, window_side(whole, asked)))),
        run=lambda: score_products(products, reference, settings, windows() if windows else None),
        products=tuple(products),
    )


def _reference_settings(
    request: EvaluationRequest, reference: Product, path: str, unit: UnitName
) -> Settings:
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
        notes=()
        if request.ratio
        else (f"ERGAS takes a ratio of {ratio}: name another with --ratio",),
    )
