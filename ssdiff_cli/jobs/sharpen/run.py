"""Sharpening one pair of rasters into one output: plan, run, report."""

import logging
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ssdiff_cli.jobs.sharpen.finite import finite_blocks
from ssdiff_cli.jobs.sharpen.job import SharpenJob, SharpenPlan, SharpenReport
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.model_choice import LoadModel, find_model
from ssdiff_cli.jobs.sharpen.provenance import provenance, resume_key
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_destinations
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.uncertainty import uncertainty_options
from ssdiff_cli.progress import Progress, no_progress
from ssdiff_cli.rasters.gdal import disk_errors, raster_env
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.journal import remove_leftovers
from ssdiff_cli.rasters.writing.metadata import stored_crs
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_cli.rasters.writing.sink import RasterSink, SinkOptions, open_sinks
from ssdiff_models.files import finish_naming
from ssdiff_models.registration.scene_shift import SceneShift

__all__ = ["plan", "sharpen"]

_log = logging.getLogger(__name__)


def sharpen(
    job: SharpenJob, progress: Progress = no_progress, load: LoadModel | None = None
) -> SharpenReport:
    """Makes one output.

    Args:
        job: What to make.
        progress: Called after each block.
        load: Loads a model's file, `load_checkpoint` by default; a cached one serves many jobs.

    Raises:
        SsdiffError: When anything the user gave cannot be used; no file then has the output's name.
    """
    started = time.perf_counter()
    check_arguments(job)
    job = _settled(job)
    check_destinations(job)
    with raster_env(), open_scene(job, partial(find_model, load=load)) as scene:
        method = scene.bind(job)
        wanted = _wanted(job, provenance(job, scene, method), resume_key(job, method))
        with open_sinks(wanted, scene.pair, job.files) as sinks:
            _write(method, sinks, progress)
        for warning in method.warnings():
            _log.warning("%s", warning)
    return _report(job, scene, method, time.perf_counter() - started)


def _settled(job: SharpenJob) -> SharpenJob:
    """Puts in order what a killed run has left; returns the job that may replace it."""
    with disk_errors(job.output):
        if finish_naming(job.outputs):
            return replace(job, sink=replace(job.sink, overwrite=True))
    for path in job.outputs:
        remove_leftovers(path)
    return job


def _wanted(
    job: SharpenJob, tags: Mapping[str, str], key: Mapping[str, str]
) -> dict[str, SinkOptions]:
    """Returns how each output is written."""
    options = replace(job.sink, provenance=tags, key=key)
    wanted = {job.output: options}
    if job.uncertainty is not None:
        wanted[job.uncertainty] = uncertainty_options(options)
    return wanted


def _write(method: SceneMethod, sinks: list[RasterSink], progress: Progress) -> None:
    """Writes the image and, into a second sink, its standard deviation.

    Rows of blocks that only one of the two still needs are written to both.
    """
    grid = method.grid
    missing = {row for sink in sinks for rows in sink.block_rows(grid) for row in rows}
    _, cols = grid.covering(method.pair.area)
    total = len(missing) * len(cols)
    done = 0
    pixels = 0
    progress(0, total, 0)
    for rows in _ranges(missing):
        for block in finite_blocks(method.blocks(rows), method.pair):
            for sink, values in zip(sinks, (block.fused, block.spread), strict=False):
                if values is not None:
                    sink.write(block.window, values, block.valid)
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


def _shape(job: SharpenJob, pair: ScenePair) -> dict[str, Any]:
    crs = stored_crs(pair)
    return {
        "width": pair.area.cols,
        "height": pair.area.rows,
        "count": pair.bands,
        "dtype": str(job.sink.dtype or pair.ms.dtype),
        "crs": crs.to_string() if crs else None,
    }


def _report(
    job: SharpenJob, scene: OpenScene, method: SceneMethod, seconds: float
) -> SharpenReport:
    area = scene.pair.area
    summary = method.summary()
    shift = None
    if scene.registered and isinstance(scene.shift, SceneShift):
        shift = (round(scene.shift.rows, 3), round(scene.shift.cols, 3))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return SharpenReport(
        output=own_path(job.output, job.sink.shard),
        **_shape(job, scene.pair),
        model=summary.model,
        method=job.method,
        steps=summary.steps,
        seed=summary.seed,
        shift=shift,
        consistency=summary.consistency,
        seconds=round(seconds, 3),
        megapixels_per_second=area.rows * area.cols / 1e6 / seconds,
        # Linux counts in kilobytes.
        peak_memory_bytes=memory if sys.platform == "darwin" else 1024 * memory,
    )


def plan(job: SharpenJob) -> SharpenPlan:
    """Returns what a run would do; reads only headers and the samples of the scene's statistics.

    Raises:
        SsdiffError: When the run itself would refuse the job.
    """
    check_arguments(job)
    check_destinations(job)
    with raster_env(), open_scene(job, find_model) as scene:
        pair = scene.pair
        method = scene.bind(job)
        summary = method.summary()
        shape = _shape(job, pair)
        pixel_bytes = pair.bands * np.dtype(shape["dtype"]).itemsize
        return SharpenPlan(
            output=job.output,
            **shape,
            col_off=pair.area.col,
            row_off=pair.area.row,
            ratio=pair.ratio,
            measured_ratio=pair.measured_ratio,
            method=job.method,
            model=summary.model,
            steps=summary.steps,
            tiles=method.count,
            uncompressed_bytes=pair.area.rows * pair.area.cols * pixel_bytes,
        )
