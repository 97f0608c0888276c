"""``ssdiff sharpen``: options to a job, the job's report to stdout."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import (
    Aoi,
    AssumeSameCrs,
    BatchSize,
    Bbox,
    BboxCrs,
    Bidx,
    Consistency,
    CreationOptions,
    Device,
    Dtype,
    Extent,
    Format,
    Json,
    Like,
    Method,
    Model,
    Ms,
    Nodata,
    Output,
    Overlap,
    Overwrite,
    Pan,
    PanBidx,
    Precision,
    Quiet,
    Register,
    RegisterLocal,
    RpcDem,
    Sampler,
    Samples,
    Seed,
    Sensor,
    SrcNodata,
    Stats,
    Steps,
    Threads,
    Tile,
    Verbose,
)
from ssdiff_cli.options.groups import pair_options, registration, sink_options

__all__ = ["sharpen"]


def sharpen(
    pan: Pan,
    ms: Ms,
    output: Output,
    *,
    overwrite: Overwrite = False,
    method: Method = "ssdiff",
    model: Model = None,
    sensor: Sensor = None,
    bidx: Bidx = None,
    pan_bidx: PanBidx = None,
    extent: Extent = "intersection",
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    aoi: Aoi = None,
    like: Like = None,
    assume_same_crs: AssumeSameCrs = False,
    src_nodata: SrcNodata = None,
    rpc_dem: RpcDem = None,
    nodata: Nodata = "inherit",
    dtype: Dtype = None,
    file_format: Format = "GTiff",
    co: CreationOptions = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    stats: Stats = None,
    consistency: Consistency = False,
    steps: Steps = None,
    sampler: Sampler = "ddim",
    seed: Seed = 0,
    samples: Samples = 1,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            "--uncertainty",
            metavar="FILE",
            help="Standard deviation of the samples, in DN.",
            show_default=False,
        ),
    ] = None,
    tile: Tile = None,
    overlap: Overlap = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    num_threads: Threads = None,
    compile_network: Annotated[
        bool, typer.Option("--compile", help="Compile the network (CUDA): slow start, faster run.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N|auto",
            help="Make part I of N only; merge joins the parts.",
            show_default=False,
        ),
    ] = None,
    adapt: Annotated[
        bool,
        typer.Option(
            "--adapt",
            help="Fine-tune the model on this scene first (OUT.model.safetensors; minutes).",
        ),
    ] = False,
    adapt_minutes: Annotated[
        float, typer.Option("--adapt-minutes", min=0.01, help="Time after which --adapt ends.")
    ] = 9.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Fuse a PAN and an MS raster into one sharp multispectral raster on the PAN's grid."""
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.sharpen import run as jobs
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
    from ssdiff_cli.jobs.sharpen.refusals import check_needless

    job = SharpenJob(
        pan=pan,
        ms=ms,
        output=output,
        pair=pair_options(
            bidx=bidx,
            pan_bidx=pan_bidx,
            extent=extent,
            bbox=bbox,
            bbox_crs=bbox_crs,
            aoi=aoi,
            like=like,
            assume_same_crs=assume_same_crs,
            src_nodata=src_nodata,
            rpc_dem=rpc_dem,
        ),
        sink=sink_options(
            file_format=file_format,
            dtype=dtype,
            nodata=nodata,
            co=co,
            overwrite=overwrite,
            num_threads=num_threads,
            shard=shard,
        ),
        method=method.lower(),
        model=model,
        sensor=sensor,
        register=registration(register=register, local=register_local),
        statistics=stats,
        consistency=consistency,
        fusion=FusionOptions(
            steps=steps, sampler=sampler, seed=seed, samples=samples, tile=tile, overlap=overlap
        ),
        uncertainty=uncertainty,
        device=DeviceOptions(
            device=device,
            precision=precision,
            batch=batch_size,
            threads=num_threads,
            compile=compile_network,
        ),
    )
    check_needless(job)
    if adapt:
        from ssdiff_cli.jobs.adapt.run import adapted_for

        with console.tile_progress("adapting") as progress:
            job = adapted_for(job, progress, seconds=60 * adapt_minutes)
    if dry_run:
        _print_plan(jobs.plan(job).record(), as_json=json)
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
