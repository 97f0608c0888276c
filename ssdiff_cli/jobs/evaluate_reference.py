"""Scoring products against a reference raster: streamed by strips of rows, so that memory does not grow with the scene."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from ssdiff_cli.jobs.evaluate.scores import Scores
from ssdiff_cli.jobs.evaluate_products import Product
from ssdiff_cli.jobs.evaluate_samples import BLOCK, Event, Fused, Sample, Scored, Settings, crop_slices
from ssdiff_cli.jobs.evaluate_windows import has_block, sample_windows, window_side
from ssdiff_models import metrics
from ssdiff_models.errors import InputError
from ssdiff_models.scene.source import BoolArray, FloatArray
from ssdiff_models.scene.windows import Window

__all__ = ["reference_windows", "score_products"]

STRIP_PIXELS = 4_000_000
"""Values (pixels times bands) that are read at a time from each raster."""
PICTURE = 1024
"""Side of the part that is kept for pictures."""


def score_products(
    products: dict[str, Product], reference: Product, settings: Settings, windows: Iterator[Window] | None
) -> Iterator[Event]:
    """Yields the scores of each product on the whole reference, or on each of the windows."""
    whole = Window(row=0, col=0, rows=reference.bands.rows, cols=reference.bands.cols)
    if windows is None:
        rows, cols = crop_slices(reference.bands.path, whole.rows, whole.cols, settings.crop)
        scored = Window(row=rows.start, col=cols.start, rows=rows.stop - rows.start, cols=cols.stop - cols.start)
        windows = iter([scored])
    empty = True
    for window in windows:
        empty = False
        sample = _picture(reference, window)
        for name, product in products.items():
            yield Fused(sample=sample, method=name, image=product.fuse(sample))
            yield Scored(name=sample.name, method=name, scores=_score(product, reference, window, settings))
    if empty:
        raise InputError(f"{reference.bands.path}: no window has a block of pixels that are valid in all rasters")


def reference_windows(products: dict[str, Product], reference: Product, asked: int) -> Iterator[Window]:
    """Yields up to `asked` random windows in which all rasters share a block of valid pixels."""
    whole = Window(row=0, col=0, rows=reference.bands.rows, cols=reference.bands.cols)
    usable = (
        w
        for w in sample_windows(whole, 1, window_side(whole, asked))
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
        raise InputError(f"{product.bands.path} and {reference.bands.path} have no valid pixel in common")
    return {name: part.result() for name, part in parts.items()}


def _strips(window: Window, bands: int) -> Iterator[Window]:
    # Whole blocks of Q2n, so that no rows wait for the next strip.
    height = max(STRIP_PIXELS // (window.cols * bands) // 32, 1) * 32
    for row in range(window.row, window.row_stop, height):
        yield Window(row=row, col=window.col, rows=min(height, window.row_stop - row), cols=window.cols)


def _picture(reference: Product, window: Window) -> Sample:
    """Returns the middle of a window for pictures; scores do not come from it."""
    rows, cols = min(window.rows, PICTURE), min(window.cols, PICTURE)
    middle = Window(
        row=window.row + (window.rows - rows) // 2, col=window.col + (window.cols - cols) // 2, rows=rows, cols=cols
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
