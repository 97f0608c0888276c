"""``ssdiff batch``: a list of pairs, one line of JSON for each as it ends."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ssdiff_cli import console
from ssdiff_cli.exit_codes import explain
from ssdiff_cli.options.flags import (
    AssumeSameCrs,
    BatchSize,
    Bidx,
    Consistency,
    CreationOptions,
    Device,
    Dtype,
    Extent,
    Format,
    Method,
    Model,
    Nodata,
    Overlap,
    Overwrite,
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
    Steps,
    Threads,
    Tile,
    Verbose,
)
from ssdiff_cli.options.groups import pair_options, registration, sink_options
from ssdiff_models.errors import InputError

if TYPE_CHECKING:
    from ssdiff_cli.jobs.sharpen.batch import Outcome
    from ssdiff_cli.jobs.sharpen.job import SharpenJob

__all__ = ["batch"]

FAILED = 1


def batch(
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="CSV with the header pan,ms,out, or a JSON object a line; - is stdin.",
            show_default=False,
        ),
    ],
    *,
    overwrite: Overwrite = False,
    method: Method = "ssdiff",
    model: Model = None,
    sensor: Sensor = None,
    bidx: Bidx = None,
    pan_bidx: PanBidx = None,
    extent: Extent = "intersection",
    assume_same_crs: AssumeSameCrs = False,
    src_nodata: SrcNodata = None,
    rpc_dem: RpcDem = None,
    nodata: Nodata = "inherit",
    dtype: Dtype = None,
    file_format: Format = "GTiff",
    co: CreationOptions = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    consistency: Consistency = False,
    steps: Steps = None,
    sampler: Sampler = "ddim",
    seed: Seed = 0,
    samples: Samples = 1,
    tile: Tile = None,
    overlap: Overlap = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    num_threads: Threads = None,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Sharpen many pairs; one that fails does not stop the others.

    Prints one JSON object a pair: pan, ms, output, status (done, skipped, failed), then the report or the error. Outputs that are
    there already are skipped. Exits 1 if any pair failed. An entry may also set method, model, sensor, steps, samples, seed, dtype,
    stats and uncertainty for its pair alone. Relative paths start from the current folder.
    """
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.sharpen.batch import read_jobs
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob

    base = SharpenJob(
        pan="",
        ms="",
        output="",
        pair=pair_options(
            bidx=bidx,
            pan_bidx=pan_bidx,
            extent=extent,
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
        ),
        method=method.lower(),
        model=model,
        sensor=sensor,
        register=registration(register=register, local=register_local),
        consistency=consistency,
        fusion=FusionOptions(
            steps=steps, sampler=sampler, seed=seed, samples=samples, tile=tile, overlap=overlap
        ),
        device=DeviceOptions(
            device=device, precision=precision, batch=batch_size, threads=num_threads
        ),
    )
    text, what = _listed(pairs)
    if "failed" in _run(read_jobs(text, what, base)):
        raise typer.Exit(FAILED)


def _listed(pairs: str) -> tuple[str, str]:
    if pairs == "-":
        return sys.stdin.read(), "stdin"
    try:
        return Path(pairs).read_text(encoding="utf-8"), pairs
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{pairs}: cannot read the list: {getattr(error, 'strerror', None) or error}"
        ) from error


def _run(jobs: Sequence["SharpenJob"]) -> set[Literal["done", "skipped", "failed"]]:
    """Prints a line for each job and returns what became of them."""
    from ssdiff_cli.jobs.sharpen.batch import attempt
    from ssdiff_cli.jobs.sharpen.loaded_models import LoadedModels

    models, seen = LoadedModels(), set()
    for number, job in enumerate(jobs, 1):
        with (
            console.collected_warnings() as warnings,
            console.tile_progress(f"{number}/{len(jobs)}") as progress,
        ):
            outcome = attempt(job, progress, models)
        seen.add(outcome.status)
        console.emit_json(_line(job, outcome) | {"warnings": warnings})
    return seen


def _line(job: "SharpenJob", outcome: "Outcome") -> dict[str, Any]:
    line: dict[str, Any] = {
        "pan": job.pan,
        "ms": job.ms,
        "output": job.output,
        "status": outcome.status,
    }
    if outcome.report is not None:
        line |= asdict(outcome.report)
    if outcome.error is not None:
        code, message = explain(outcome.error)
        console.fail(message, outcome.error)
        line |= {"exit_code": code, "error": message}
    return line
