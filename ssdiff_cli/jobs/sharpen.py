"""Sharpening one pair of rasters into one output: choice of the model, plan, run, report."""

import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np

from ssdiff_cli.device import DeviceChoice, DeviceOptions, choose
from ssdiff_cli.rasters.env import raster_env
from ssdiff_cli.rasters.pair import PairOptions, ScenePair, open_pair
from ssdiff_cli.rasters.writer import RasterSink, SinkOptions, check_output, open_sink
from ssdiff_models import __version__, sensors, zoo
from ssdiff_models.arrays import default_limits
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.errors import UsageError
from ssdiff_models.fusing import FusionSettings, ModelFuser
from ssdiff_models.tiled import FusedBlock, fuse_blocks, fuse_tiles
from ssdiff_models.tiles import TileGrid

__all__ = ["NETWORK", "FusionOptions", "SharpenJob", "SharpenReport", "plan", "sharpen"]

NETWORK = "ssdiff"
"""The method that is a network; every other one is classical."""
LOCAL_BLOCK = 1024
"""Side of the blocks that classical methods work in; a multiple of the TIFF's, so that blocks are written as they come."""

Progress = Callable[[int, int, int], None]
"""``progress(done, total, pixels)``: blocks done, blocks in all, PAN pixels done."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """How the network is to be run; None stands for the model's own value."""

    steps: int | None = None
    sampler: str | None = None
    seed: int = 0
    samples: int = 1
    tile: int | None = None
    overlap: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenJob:
    """One output to make."""

    pan: str
    ms: str
    output: str
    pair: PairOptions = field(default_factory=PairOptions)
    sink: SinkOptions = field(default_factory=SinkOptions)
    method: str = NETWORK
    model: str | None = None
    """Name of a shipped model, or a file; None chooses for the scene."""
    sensor: str | None = None
    fusion: FusionOptions = field(default_factory=FusionOptions)
    uncertainty: str | None = None
    """File for the standard deviation of the samples, in DN."""
    device: DeviceOptions = field(default_factory=DeviceOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpenReport:
    """What was made, as ``--json`` prints it."""

    output: str
    width: int
    height: int
    count: int
    dtype: str
    crs: str | None
    model: str | None
    method: str
    steps: int | None
    seed: int | None
    seconds: float
    megapixels_per_second: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fusion:
    """A method bound to a scene: its blocks, and what is said about it."""

    blocks: Iterator[FusedBlock]
    total: int
    """Number of blocks."""
    model: str | None = None
    settings: FusionSettings | None = None
    provenance: dict[str, str] = field(default_factory=dict)


def sharpen(job: SharpenJob, progress: Progress) -> SharpenReport:
    """Makes one output.

    Raises:
        SsdiffError: When anything the user gave cannot be used; nothing is then left under the output's name.
    """
    started = time.perf_counter()
    _check_arguments(job)
    with raster_env(num_threads=1), ExitStack() as stack:
        checkpoint = _checkpoint(job)
        pair = stack.enter_context(open_pair(job.pan, job.ms, options=_pair_options(job, checkpoint)))
        for note in pair.notes:
            _log.info(note)
        fusion = _bind(job, pair, checkpoint)
        sink = stack.enter_context(open_sink(job.output, pair, options=replace(job.sink, provenance=_provenance(job, fusion))))
        spread = _spread_sink(job, pair, stack, fusion)
        _write(fusion, sink, spread, progress)
        return _report(job, pair, fusion, started)


def _check_arguments(job: SharpenJob) -> None:
    for output in (job.output, job.uncertainty):
        if output is not None:
            check_output(output, overwrite=job.sink.overwrite, inputs=(job.pan, job.ms))
    if job.uncertainty is not None and (job.method != NETWORK or job.fusion.samples < 2):
        raise UsageError("--uncertainty needs --samples 2 or more, drawn by the network: one sample has no spread")
    if job.uncertainty is not None and job.uncertainty == job.output:
        raise UsageError(f"{job.output}: both the output and its uncertainty; choose another --uncertainty")
    if job.method != NETWORK and job.model is not None:
        raise UsageError(f"--method {job.method} uses no model: leave --model out")
    if job.sensor is not None:
        sensors.get(job.sensor)


def _checkpoint(job: SharpenJob) -> Checkpoint | None:
    """Loads the model that was named, or finds the one for the scene."""
    if job.method != NETWORK:
        return None
    if job.model is not None:
        return load_checkpoint(zoo.locate(job.model))
    with open_pair(job.pan, job.ms, options=job.pair) as pair:
        entry = zoo.find(bands=pair.bands, ratio=pair.ratio, sensor=job.sensor)
    return load_checkpoint(entry.path)


def _pair_options(job: SharpenJob, checkpoint: Checkpoint | None) -> PairOptions:
    if checkpoint is None:
        return job.pair
    return replace(job.pair, ratio=checkpoint.ratio, ms_phase=checkpoint.ms_phase)


def _bind(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint | None) -> _Fusion:
    return _classical(job, pair) if checkpoint is None else _network(job, pair, checkpoint)


def _classical(job: SharpenJob, pair: ScenePair) -> _Fusion:
    from ssdiff_models.classical import stream

    grid = TileGrid(rows=pair.rows, cols=pair.cols, step=LOCAL_BLOCK, overlap=0, multiple=pair.ratio)
    threads = choose(job.device, tile_pixels=1).threads
    fuser = stream(job.method, pair, sensors.get(job.sensor or "generic"))
    blocks = fuse_blocks(pair, fuser, block=LOCAL_BLOCK, workers=threads)
    return _Fusion(blocks=blocks, total=_count(grid, pair))


def _network(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint) -> _Fusion:
    options = job.fusion
    settings = FusionSettings.of(
        checkpoint,
        steps=options.steps,
        sampler=options.sampler,
        seed=options.seed,
        samples=options.samples,
        tile=options.tile,
        overlap=options.overlap,
        limits=default_limits(pair.ms.dtype),
    )
    device = choose(job.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
    fuser = _fuser(checkpoint, pair, settings, device)
    _tell_groups(fuser, checkpoint)
    grid = TileGrid(rows=pair.rows, cols=pair.cols, step=settings.tile, overlap=settings.overlap, multiple=fuser.multiple)
    return _Fusion(
        blocks=fuse_tiles(pair, fuser, device.runner()),
        total=_count(grid, pair),
        model=checkpoint.name,
        settings=settings,
        provenance=_fusion_tags(fuser),
    )


def _fuser(checkpoint: Checkpoint, pair: ScenePair, settings: FusionSettings, device: DeviceChoice) -> ModelFuser:
    placed = replace(checkpoint, network=device.place(checkpoint.network))
    return ModelFuser(checkpoint=placed, statistics=pair.statistics(), settings=settings, precision=device.precision)


def _tell_groups(fuser: ModelFuser, checkpoint: Checkpoint) -> None:
    if fuser.bands == checkpoint.band_count:
        return
    groups = "; ".join(",".join(str(band + 1) for band in group) for group in fuser.groups)
    _log.warning(
        "model %s has %d bands, the scene %d: fused in groups of bands (%s); a model of %d bands would do better",
        checkpoint.name, checkpoint.band_count, fuser.bands, groups, fuser.bands,
    )  # fmt: skip


def _count(grid: TileGrid, pair: ScenePair) -> int:
    rows, cols = grid.covering(pair.area)
    return len(rows) * len(cols)


def _fusion_tags(fuser: ModelFuser) -> dict[str, str]:
    settings, statistics = fuser.settings, fuser.statistics
    means = ",".join(f"{band.mean:.6g}" for band in statistics.ms)
    return {
        "STEPS": str(settings.steps),
        "SAMPLER": settings.sampler,
        "SEED": str(settings.seed),
        "SAMPLES": str(settings.samples),
        "TILE": str(settings.tile),
        "OVERLAP": str(settings.overlap),
        "PAN_MEAN": f"{statistics.pan.mean:.6g}",
        "MS_MEANS": means,
    }


def _provenance(job: SharpenJob, fusion: _Fusion) -> dict[str, str]:
    tags = {"VERSION": __version__, "METHOD": job.method, "PAN": _base(job.pan), "MS": _base(job.ms)}
    if fusion.model is not None:
        tags["MODEL"] = fusion.model
    if job.sensor is not None:
        tags["SENSOR"] = job.sensor
    return tags | fusion.provenance


def _base(path: str) -> str:
    """The file's own name: folders are nobody else's business."""
    return path.rstrip("/").rpartition("/")[2]


def _spread_sink(job: SharpenJob, pair: ScenePair, stack: ExitStack, fusion: _Fusion) -> RasterSink | None:
    if job.uncertainty is None:
        return None
    options = replace(
        job.sink,
        dtype="float32",
        nodata=float("nan"),
        creation=tuple(option for option in job.sink.creation if option[0].upper() not in {"NBITS", "PREDICTOR"}),
        provenance=_provenance(job, fusion) | {"CONTENT": "standard deviation of the samples, DN"},
    )
    return stack.enter_context(open_sink(job.uncertainty, pair, options=options))


def _write(fusion: _Fusion, sink: RasterSink, spread: RasterSink | None, progress: Progress) -> None:
    pixels = 0
    progress(0, fusion.total, 0)
    for done, block in enumerate(fusion.blocks, start=1):
        sink.write(block.window, block.fused, block.valid)
        if spread is not None and block.spread is not None:
            spread.write(block.window, block.spread, block.valid)
        pixels += block.window.rows * block.window.cols
        progress(done, fusion.total, pixels)


def _report(job: SharpenJob, pair: ScenePair, fusion: _Fusion, started: float) -> SharpenReport:
    area, seconds = pair.area, time.perf_counter() - started
    settings = fusion.settings
    return SharpenReport(
        output=job.output,
        width=area.cols,
        height=area.rows,
        count=pair.bands,
        dtype=str(job.sink.dtype or pair.ms.dtype),
        crs=pair.crs.to_string() if pair.crs else None,
        model=fusion.model,
        method=job.method,
        steps=settings.steps if settings else None,
        seed=settings.seed if settings else None,
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
    _check_arguments(job)
    with raster_env(num_threads=1):
        checkpoint = _checkpoint(job)
        with open_pair(job.pan, job.ms, options=_pair_options(job, checkpoint)) as pair:
            fusion = _bind(job, pair, checkpoint)
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
