"""Sharpening one pair of rasters into one output: plan, run, report."""

import logging
import resource
import sys
import time
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ssdiff_cli.jobs.sharpen.job import SharpenJob, SharpenPlan, SharpenReport
from ssdiff_cli.jobs.sharpen.loaded_models import LoadedModels
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.provenance import provenance
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_outputs
from ssdiff_cli.jobs.sharpen.resume_key import resume_key
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.uncertainty import (
    check_finished_uncertainty,
    open_uncertainty,
    uncertainty_is_finished,
)
from ssdiff_cli.progress import Progress, no_progress
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.writing.sink import RasterSink, open_sink
from ssdiff_models.scene.windows import Window

__all__ = ["plan", "sharpen"]

_log = logging.getLogger(__name__)


def sharpen(
    job: SharpenJob, progress: Progress = no_progress, models: LoadedModels | None = None
) -> SharpenReport:
    """Makes one output.

    Args:
        job: What to make.
        progress: Called after each block.
        models: Models that earlier jobs loaded; this job's is added.

    Raises:
        SsdiffError: When anything the user gave cannot be used; no file then has the output's name.
    """
    started = time.perf_counter()
    check_arguments(job)
    uncertainty_finished = uncertainty_is_finished(job)
    check_outputs(job, with_uncertainty=not uncertainty_finished)
    with raster_env(num_threads=1), ExitStack() as stack:
        checkpoint = (models or LoadedModels()).checkpoint(job)
        scene = stack.enter_context(open_scene(job, checkpoint))
        pair = scene.pair
        method = scene.bind(job)
        options = replace(
            job.sink,
            provenance=provenance(job, scene, method),
            key=resume_key(job, method),
        )
        if uncertainty_finished:
            check_finished_uncertainty(job, options)
        sink = stack.enter_context(open_sink(job.output, pair, options=options))
        uncertainty = None
        if job.uncertainty and not uncertainty_finished:
            uncertainty = stack.enter_context(open_uncertainty(job, pair, options))
        _write(method, pair.area, sink, uncertainty, progress)
        for warning in method.warnings():
            _log.warning("%s", warning)
    return _report(job, scene, method, sink.path, time.perf_counter() - started)


def _write(
    method: SceneMethod,
    area: Window,
    sink: RasterSink,
    uncertainty: RasterSink | None,
    progress: Progress,
) -> None:
    """Writes the rows of blocks that one of the files still needs, into both."""
    grid = method.grid
    missing = {row for rows in sink.block_rows(grid) for row in rows}
    if uncertainty is not None:
        missing |= {row for rows in uncertainty.block_rows(grid) for row in rows}
    _, cols = grid.covering(area)
    total = len(missing) * len(cols)
    done = 0
    pixels = 0
    progress(0, total, 0)
    for rows in _ranges(missing):
        for block in method.blocks(rows):
            sink.write(block.window, block.fused, block.valid)
            if uncertainty is not None and block.spread is not None:
                uncertainty.write(block.window, block.spread, block.valid)
            done += 1
            pixels += block.window.rows * block.window.cols
            progress(done, total, pixels)


def _ranges(rows: set[int]) -> list[range]:
    """Returns the rows as ascending ranges without gaps."""
    ranges: list[range] = []
    for row in sorted(rows):
        if ranges and ranges[-1].stop == row:
            ranges[-1] = range(ranges[-1].start, row + 1)
        else:
            ranges.append(range(row, row + 1))
    return ranges


def _report(
    job: SharpenJob, scene: OpenScene, method: SceneMethod, output: str, seconds: float
) -> SharpenReport:
    pair = scene.pair
    area = pair.area
    summary = method.summary
    shift = None
    if scene.registered and scene.shift is not None:
        shift = (round(scene.shift.rows, 3), round(scene.shift.cols, 3))
    return SharpenReport(
        output=output,
        width=area.cols,
        height=area.rows,
        count=pair.bands,
        dtype=str(job.sink.dtype or pair.ms.dtype),
        crs=pair.crs.to_string() if pair.crs else None,
        model=summary.model,
        method=job.method,
        steps=summary.steps,
        seed=summary.seed,
        shift=shift,
        consistency=summary.consistency,
        seconds=round(seconds, 3),
        megapixels_per_second=area.rows * area.cols / 1e6 / seconds,
        peak_memory_bytes=_peak_memory(),
    )


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def plan(job: SharpenJob) -> SharpenPlan:
    """Returns what a run would do; reads only headers and the samples of the scene's statistics.

    Raises:
        SsdiffError: When the run itself would refuse the job.
    """
    check_arguments(job)
    check_outputs(job, with_uncertainty=not uncertainty_is_finished(job))
    with raster_env(num_threads=1), open_scene(job, LoadedModels().checkpoint(job)) as scene:
        pair = scene.pair
        method = scene.bind(job)
        area = pair.area
        dtype = job.sink.dtype or str(pair.ms.dtype)
        return SharpenPlan(
            output=job.output,
            width=area.cols,
            height=area.rows,
            count=pair.bands,
            dtype=dtype,
            crs=pair.crs.to_string() if pair.crs else None,
            col_off=area.col,
            row_off=area.row,
            ratio=pair.ratio,
            measured_ratio=pair.measured_ratio,
            method=job.method,
            model=method.summary.model,
            steps=method.summary.steps,
            tiles=len(list(method.grid.blocks(area))),
            uncompressed_bytes=area.rows * area.cols * pair.bands * np.dtype(dtype).itemsize,
        )
