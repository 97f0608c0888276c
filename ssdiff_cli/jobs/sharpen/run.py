"""Sharpening one pair of rasters into one output: plan, run, report."""

import logging
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ssdiff_cli.jobs.sharpen.job import NETWORK, FusionOptions, SharpenJob, SharpenReport
from ssdiff_cli.jobs.sharpen.method import Fusion, bind
from ssdiff_cli.jobs.sharpen.model_choice import ModelShelf
from ssdiff_cli.jobs.sharpen.provenance import provenance
from ssdiff_cli.jobs.sharpen.refusals import check_arguments, check_outputs
from ssdiff_cli.jobs.sharpen.resume_key import settings_key
from ssdiff_cli.jobs.sharpen.scene import OpenScene, open_scene
from ssdiff_cli.jobs.sharpen.uncertainty import check_named_spread, open_spread, spread_is_named
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.writing.sink import RasterSink, open_sink
from ssdiff_models.fusion.model_fuser import ModelFuser

__all__ = ["NETWORK", "FusionOptions", "SharpenJob", "SharpenReport", "plan", "sharpen"]

CUT = 0.02
"""Share of a band's pixels at the limits from which on a projection is doubtful: scenes that suit their MTF have less than a thousandth."""

_log = logging.getLogger(__name__)

Progress = Callable[[int, int, int], None]
"""``progress(done, total, pixels)``: blocks done, blocks in all, PAN pixels done."""


def sharpen(job: SharpenJob, progress: Progress, models: ModelShelf | None = None) -> SharpenReport:
    """Makes one output.

    Args:
        job: What to make.
        progress: Told after each block.
        models: Where loaded models are kept from one job to the next.

    Raises:
        SsdiffError: When anything the user gave cannot be used; nothing is then left under the output's name.
    """
    started = time.perf_counter()
    check_arguments(job)
    named = spread_is_named(job)
    check_outputs(job, but_spread=named)
    with raster_env(num_threads=1), ExitStack() as stack:
        scene = stack.enter_context(open_scene(job, models or ModelShelf()))
        pair, fusion = scene.pair, bind(job, scene.pair, scene.checkpoint)
        options = replace(
            job.sink,
            provenance=provenance(job, scene, fusion),
            key=settings_key(job, scene, fusion),
        )
        if named:
            check_named_spread(job, options)
        sink = stack.enter_context(open_sink(job.output, pair, options=options))
        spread = (
            stack.enter_context(open_spread(job, pair, options))
            if job.uncertainty and not named
            else None
        )
        _write(fusion, sink, spread, progress)
        _tell_cut(job, fusion)
    return _report(job, scene, fusion, sink.path, started)


def _write(fusion: Fusion, sink: RasterSink, spread: RasterSink | None, progress: Progress) -> None:
    """Makes what an earlier run has not; blocks of the one output that the other still needs are made for both."""
    sinks = [sink] if spread is None else [sink, spread]
    ranges = _joined(
        {row for each in sinks for rows in each.block_rows(fusion.grid) for row in rows}
    )
    total = fusion.across * sum(len(rows) for rows in ranges)
    progress(0, total, 0)
    done = pixels = 0
    for block in (block for rows in ranges for block in fusion.blocks(rows)):
        sink.write(block.window, block.fused, block.valid)
        if spread is not None and block.spread is not None:
            spread.write(block.window, block.spread, block.valid)
        done, pixels = done + 1, pixels + block.window.rows * block.window.cols
        progress(done, total, pixels)


def _tell_cut(job: SharpenJob, fusion: Fusion) -> None:
    if not isinstance(fusion.fuser, ModelFuser):
        return
    band, share = fusion.fuser.cut.worst()
    if share > CUT:
        _log.warning(
            "%s: giving it back through the MTF put %.0f%% of the pixels of band %d at the limits of the data type: it is sharper than "
            "that MTF leaves images, so odd pixels surround bright ones; leave --consistency out for none of them",
            job.ms,
            100 * share,
            band + 1,
        )


def _joined(rows: set[int]) -> list[range]:
    ranges: list[range] = []
    for row in sorted(rows):
        if ranges and ranges[-1].stop == row:
            ranges[-1] = range(ranges[-1].start, row + 1)
        else:
            ranges.append(range(row, row + 1))
    return ranges


def _report(
    job: SharpenJob, scene: OpenScene, fusion: Fusion, output: str, started: float
) -> SharpenReport:
    pair = scene.pair
    area, seconds = pair.area, time.perf_counter() - started
    settings = fusion.settings
    return SharpenReport(
        output=output,
        width=area.cols,
        height=area.rows,
        count=pair.bands,
        dtype=str(job.sink.dtype or pair.ms.dtype),
        crs=pair.crs.to_string() if pair.crs else None,
        model=fusion.model,
        method=job.method,
        steps=settings.steps if settings else None,
        seed=settings.seed if settings else None,
        shift=(round(scene.shift.rows, 3), round(scene.shift.cols, 3))
        if scene.registered and scene.shift
        else None,
        consistency=settings.consistency if settings else 0,
        seconds=round(seconds, 3),
        megapixels_per_second=area.rows * area.cols / 1e6 / seconds,
        peak_memory_bytes=_peak_memory(),
    )


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def plan(job: SharpenJob) -> dict[str, object]:
    """Returns what a run would do, without reading more than headers and the scene's statistics.

    Raises:
        SsdiffError: Whatever the run itself would refuse.
    """
    check_arguments(job)
    check_outputs(job, but_spread=spread_is_named(job))
    with raster_env(num_threads=1), open_scene(job, ModelShelf()) as scene:
        pair, fusion = scene.pair, bind(job, scene.pair, scene.checkpoint)
        area, dtype = pair.area, job.sink.dtype or str(pair.ms.dtype)
        settings = fusion.settings
        return {
            "output": job.output,
            "width": area.cols,
            "height": area.rows,
            "count": pair.bands,
            "dtype": dtype,
            "crs": pair.crs.to_string() if pair.crs else None,
            "col_off": area.col,
            "row_off": area.row,
            "ratio": pair.ratio,
            "measured_ratio": list(pair.measured_ratio),
            "method": job.method,
            "model": fusion.model,
            "steps": settings.steps if settings else None,
            "tiles": fusion.total,
            "uncompressed_bytes": area.rows * area.cols * pair.bands * np.dtype(dtype).itemsize,
        }
