"""The plan of an evaluation of products against a reference raster."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

import numpy as np

from ssdiff_cli.jobs.evaluate.plans.plan import Plan
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.products import Grid, Product, open_bands, open_products
from ssdiff_cli.jobs.evaluate.samples.sample import BLOCK, Sample, crop_slices
from ssdiff_cli.jobs.evaluate.samples.windows import (
    has_block,
    random_windows,
    window_count,
    window_side,
)
from ssdiff_cli.jobs.evaluate.settings import Note, Settings
from ssdiff_cli.rasters.reading.statistics import sample_statistics
from ssdiff_models.errors import InputError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.source import FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["reference_plan"]

STRIP_VALUES = 4_000_000
"""Pixels times bands that are read at a time from each raster."""
PICTURE = 1024
"""Side of the part that a report may show, in pixels."""


def reference_plan(request: EvaluationRequest, path: str, stack: ExitStack) -> Plan:
    """Opens a reference and the products on its grid until `stack` closes.

    Raises:
        SsdiffError: When they cannot be compared.
    """
    bands = open_bands(path, stack)
    reference = Product(bands=bands, row=0, col=0, black=bands.black)
    grid = Grid(bands=bands, transform=bands.dataset.transform, spectral=bands)
    opened = open_products(request.fused, grid, stack)
    products = {name: replace(product, black=bands.black) for name, product in opened.items()}
    for product in products.values():
        if product.window != reference.window:
            raise InputError(
                f"{product.bands.path}: covers another part of the ground than {path}: "
                "cut both to one grid"
            )
    asked = window_count(reference.window, request.windows)
    settings = _settings(request, reference, sampled=asked is not None)
    if asked is None:
        windows = [_scored(reference, settings.crop)]
        usable = iter(windows)
    else:
        side = window_side(reference.window, asked)
        windows = list(random_windows(reference.window, 1, side))
        usable = islice(_usable([reference, *products.values()], windows), asked)
    strips = sum(1 for _ in _strips(windows[0], reference))
    return Plan(
        settings=settings,
        samples=_samples(reference, usable),
        count=len(windows[:asked]) * (1 + strips),
        fusers=products,
        products=products,
    )


def _settings(request: EvaluationRequest, reference: Product, *, sampled: bool) -> Settings:
    sensor = request.known_sensor or sensors.get("generic")
    ratio = request.ratio or sensor.ratio
    statistics = sample_statistics(reference.bands, reference.window)
    largest = max(band.maximum for band in statistics)
    note = Note(text=f"ERGAS takes a ratio of {ratio}: name another with --ratio")
    return Settings(
        protocol="reference",
        inputs=(reference.bands.path,),
        sensor=sensor,
        ratio=ratio,
        crop=0 if sampled else request.border,
        peak=full_scale(request.known_sensor, largest, reference.bands.dtype),
        unit="window" if sampled else "scene",
        notes=() if request.ratio else (note,),
    )


def _scored(reference: Product, crop: int) -> Window:
    scene = reference.window
    rows, cols = crop_slices(reference.bands.path, scene.rows, scene.cols, crop)
    return Window(
        row=rows.start, col=cols.start, rows=rows.stop - rows.start, cols=cols.stop - cols.start
    )


def _usable(rasters: list[Product], windows: list[Window]) -> Iterator[Window]:
    """Yields the windows in which all rasters share a block of valid pixels."""
    for window in windows:
        valid = np.logical_and.reduce([raster.valid(window) for raster in rasters])
        if has_block(valid, BLOCK):
            yield window


def _samples(reference: Product, windows: Iterator[Window]) -> Iterator[Sample]:
    """Yields for each window its middle, which is shown, and its strips, which are scored.

    Raises:
        InputError: When there is no window.
    """
    empty = True
    for window in windows:
        empty = False
        unit = f"rows {window.row} to {window.row_stop}, columns {window.col} to {window.col_stop}"
        yield _sample(reference, _middle(window), unit, scored=False)
        for strip in _strips(window, reference):
            yield _sample(reference, strip, unit, scored=True)
    if empty:
        raise InputError(
            f"{reference.bands.path}: no window has a block of pixels that are valid in all rasters"
        )


def _middle(window: Window) -> Window:
    rows = min(window.rows, PICTURE)
    cols = min(window.cols, PICTURE)
    row = window.row + (window.rows - rows) // 2
    col = window.col + (window.cols - cols) // 2
    return Window(row=row, col=col, rows=rows, cols=cols)


def _strips(window: Window, reference: Product) -> Iterator[Window]:
    # With entire blocks of Q2n, no rows wait for the next strip.
    values = window.cols * len(reference.bands.indexes)
    height = max(STRIP_VALUES // values // BLOCK, 1) * BLOCK
    for row in range(window.row, window.row_stop, height):
        rows = min(height, window.row_stop - row)
        yield Window(row=row, col=window.col, rows=rows, cols=window.cols)


def _sample(reference: Product, window: Window, unit: str, *, scored: bool) -> Sample:
    truth, valid = reference.read(window)
    nothing: FloatArray = np.zeros((0, *window.shape), dtype=np.float32)
    return Sample(
        name=unit,
        pan=nothing,
        ms=nothing,
        lms=nothing,
        valid=valid,
        inner=(slice(0, window.rows), slice(0, window.cols)),
        phase=0.0,
        reference=truth,
        window=window,
        shown=not scored,
        scored=scored,
    )
