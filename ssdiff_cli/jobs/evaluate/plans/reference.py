"""The plan of an evaluation of products against a reference raster."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

import numpy as np

from ssdiff_cli.jobs.evaluate.plan import Note, Plan, Sample, Settings
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest, full_scale
from ssdiff_cli.jobs.evaluate.samples.products import Grid, Product, open_bands, open_products
from ssdiff_cli.jobs.evaluate.samples.windows import (
    BLOCK,
    centred,
    crop_slices,
    has_block,
    random_windows,
    window_count,
)
from ssdiff_cli.rasters.reading.statistics import sample_statistics
from ssdiff_models.errors import InputError
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
    scene = Window(row=0, col=0, rows=bands.rows, cols=bands.cols)
    reference = Product(bands=bands, window=scene, zeros=bands.zeros)
    grid = Grid(bands=bands, transform=bands.dataset.transform, spectral=bands)
    opened = open_products(request.fused, grid, stack)
    products = {name: replace(product, zeros=bands.zeros) for name, product in opened.items()}
    for product in products.values():
        if product.window != scene:
            raise InputError(
                f"{product.bands.path}: covers another part of the ground than {path}: "
                "cut both to one grid"
            )
    asked = window_count(scene, request.windows)
    settings = _settings(request, reference, sampled=asked is not None)
    if asked is None:
        windows = [_scored(reference, settings.crop)]
        usable = iter(windows)
    else:
        windows = list(random_windows(scene, 1, asked))
        usable = islice(_usable([reference, *products.values()], windows), asked)
    strips = sum(1 for _ in _strips(windows[0], reference))
    return Plan(
        settings=settings,
        samples=_samples(reference, usable),
        count=len(windows[:asked]) * (1 + strips),
        fusers=products,
        products={name: product.valid for name, product in products.items()},
    )


def _settings(request: EvaluationRequest, reference: Product, *, sampled: bool) -> Settings:
    sensor = request.known_sensor
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
        peak=full_scale(sensor, largest, reference.bands.dtype),
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
        if has_block(valid):
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
        yield _sample(reference, centred(window, PICTURE), unit, scored=False)
        for strip in _strips(window, reference):
            yield _sample(reference, strip, unit, scored=True)
    if empty:
        raise InputError(
            f"{reference.bands.path}: no window has a block of pixels that are valid in all rasters"
        )


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
