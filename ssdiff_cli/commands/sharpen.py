"""``ssdiff sharpen``: options to a job, the job's report to stdout."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from ssdiff_cli import console
from ssdiff_cli.options import (
    BatchSize,
    Consistency,
    CreationOptions,
    Device,
    Json,
    Model,
    Ms,
    Output,
    Overwrite,
    Pan,
    Precision,
    Quiet,
    Register,
    RegisterLocal,
    Seed,
    Sensor,
    Stats,
    Threads,
    Verbose,
)
from ssdiff_models.errors import UsageError

__all__ = ["sharpen"]


def sharpen(
    pan: Pan,
    ms: Ms,
    output: Output,
    *,
    overwrite: Overwrite = False,
    method: Annotated[
        str, typer.Option("--method", help="ssdiff, or a classical method: exp, brovey, gsa, mtf-glp-fs, …")
    ] = "ssdiff",
    model: Model = None,
    sensor: Sensor = None,
    bidx: Annotated[
        str | None,
        typer.Option("--bidx", "-b", metavar="N[,N…]", help="MS bands to fuse, from 1. (default: all)", show_default=False),
    ] = None,
    pan_bidx: Annotated[
        int | None, typer.Option("--pan-bidx", min=1, help="PAN band, from 1, where there are several.", show_default=False)
    ] = None,
    extent: Annotated[Literal["intersection", "pan"], typer.Option("--extent", help="Where there is output.")] = "intersection",
    bbox: Annotated[
        str | None, typer.Option("--bbox", metavar="XMIN,YMIN,XMAX,YMAX", help="Part of the scene.", show_default=False)
    ] = None,
    bbox_crs: Annotated[
        str | None, typer.Option("--bbox-crs", metavar="CRS", help="CRS of --bbox. (default: the PAN's)", show_default=False)
    ] = None,
    aoi: Annotated[
        str | None,
        typer.Option("--aoi", metavar="FILE", help="Polygons (GeoJSON, WKT): outside is nodata.", show_default=False),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="RASTER", help="Part of the scene that this raster covers.", show_default=False),
    ] = None,
    assume_same_crs: Annotated[bool, typer.Option("--assume-same-crs", help="A missing CRS is the other image's.")] = False,
    src_nodata: Annotated[
        str | None,
        typer.Option("--src-nodata", metavar="PAN[,MS]", help="Nodata of the inputs, over what they say.", show_default=False),
    ] = None,
    nodata: Annotated[str, typer.Option("--nodata", metavar="N|nan|none|inherit", help="Nodata of the output.")] = "inherit",
    dtype: Annotated[
        str | None, typer.Option("--dtype", "-t", help="Data type of the output. (default: the MS's)", show_default=False)
    ] = None,
    file_format: Annotated[Literal["GTiff", "COG"], typer.Option("--format", "-f", help="Format of the output.")] = "GTiff",
    co: CreationOptions = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    stats: Stats = None,
    consistency: Consistency = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Sampling steps. (default: the model's)", show_default=False)
    ] = None,
    sampler: Annotated[Literal["ddim", "dpmpp"], typer.Option("--sampler", help="Sampler.")] = "ddim",
    seed: Seed = 0,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Samples averaged.")] = 1,
    uncertainty: Annotated[
        str | None,
        typer.Option("--uncertainty", metavar="FILE", help="Standard deviation of the samples, in DN.", show_default=False),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option("--tile", min=16, help="Distance of tiles, PAN pixels. (default: the model's)", show_default=False),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option("--overlap", min=0, help="Overlap of tiles, PAN pixels. (default: the model's)", show_default=False),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    num_threads: Threads = None,
    compile_network: Annotated[
        bool, typer.Option("--compile", help="Compile the network (CUDA): slow start, faster run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Fuse a PAN and an MS raster into one sharp multispectral raster on the PAN's grid."""
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import DeviceOptions, processor_threads
    from ssdiff_cli.jobs import sharpen as jobs
    from ssdiff_cli.rasters.pair import PairOptions
    from ssdiff_cli.rasters.writer import SinkOptions

    pan_nodata, ms_nodata = _source_nodata(src_nodata)
    job = jobs.SharpenJob(
        pan=pan,
        ms=ms,
        output=output,
        pair=PairOptions(
            bidx=_band_list(bidx),
            pan_bidx=pan_bidx,
            extent=extent,
            bbox=_box(bbox),
            bbox_crs=bbox_crs,
            aoi=aoi,
            like=like,
            assume_same_crs=assume_same_crs,
            pan_nodata=pan_nodata,
            ms_nodata=ms_nodata,
        ),
        sink=SinkOptions(
            format=file_format,
            dtype=dtype,
            nodata=_nodata(nodata),
            creation=_creation(co),
            overwrite=overwrite,
            num_threads=num_threads or processor_threads(),
        ),
        method=method.lower(),
        model=model,
        sensor=sensor,
        register="local" if register_local else "global" if register else "no",
        statistics=stats,
        consistency=consistency,
        fusion=jobs.FusionOptions(steps=steps, sampler=sampler, seed=seed, samples=samples, tile=tile, overlap=overlap),
        uncertainty=uncertainty,
        device=DeviceOptions(
            device=device, precision=precision, batch=batch_size, threads=num_threads, compile=compile_network
        ),
    )
    if dry_run:
        _print_plan(jobs.plan(job), as_json=json)
        return
    with console.collected_warnings() as warnings, console.tile_progress("sharpening") as progress:
        report = jobs.sharpen(job, progress)
    if json:
        console.emit_json(asdict(report) | {"warnings": warnings})
    else:
        console.result(report.output)


def _print_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        console.emit_json(plan)
        return
    for key, value in plan.items():
        console.result(f"{key}: {value}")


def _band_list(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"--bidx {text}: give band numbers from 1, separated by commas, such as 1,2,3") from None


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        left, bottom, right, top = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--bbox {text}: give four numbers, xmin,ymin,xmax,ymax") from None
    if not (left < right and bottom < top):
        raise UsageError(f"--bbox {text}: xmin must lie below xmax, and ymin below ymax")
    return left, bottom, right, top


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option} {text}: give a number or nan") from None


def _nodata(text: str) -> float | Literal["inherit", "none"]:
    lowered = text.lower()
    if lowered == "inherit":
        return "inherit"
    if lowered == "none":
        return "none"
    return _number(lowered, "--nodata")


def _source_nodata(text: str | None) -> tuple[float | None, float | None]:
    """One value counts for both inputs; of two, the first is the PAN's, and an empty one keeps the file's own."""
    if text is None:
        return None, None
    first, _, second = text.partition(",")
    values = [_number(part, "--src-nodata") if part else None for part in (first, second or ("" if "," in text else first))]
    return values[0], values[1]


def _creation(options: list[str] | None) -> tuple[tuple[str, str], ...]:
    pairs = [option.partition("=") for option in options or []]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(f"--co {name}: give NAME=VALUE, such as COMPRESS=ZSTD")
    return tuple((name, value) for name, _, value in pairs)
