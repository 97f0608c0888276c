"""``ssdiff adapt``: a model made for one scene out of a shipped one."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import (
    AssumeSameCrs,
    Bidx,
    Device,
    Json,
    Model,
    Ms,
    Output,
    Overwrite,
    Pan,
    PanBidx,
    Quiet,
    Register,
    RegisterLocal,
    RpcDem,
    Sensor,
    SrcNodata,
    Threads,
    Verbose,
)
from ssdiff_cli.options.groups import pair_options, registration

if TYPE_CHECKING:
    from ssdiff_cli.jobs.adapt.job import AdaptResult

__all__ = ["adapt"]


def adapt(
    pan: Pan,
    ms: Ms,
    output: Output,
    *,
    overwrite: Overwrite = False,
    model: Model = None,
    sensor: Sensor = None,
    bidx: Bidx = None,
    pan_bidx: PanBidx = None,
    assume_same_crs: AssumeSameCrs = False,
    src_nodata: SrcNodata = None,
    rpc_dem: RpcDem = None,
    register: Register = False,
    register_local: RegisterLocal = False,
    steps: Annotated[
        int,
        typer.Option(
            "--steps", min=0, help="Most training steps; 0: only the last layer is fitted."
        ),
    ] = 1500,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="Time after which training ends.")
    ] = 9.0,
    rate: Annotated[float, typer.Option("--learning-rate", help="Learning rate.")] = 3e-4,
    weight: Annotated[
        float,
        typer.Option(
            "--full-res-weight",
            min=0.0,
            help="Weight of the consistency with the MS at full resolution.",
        ),
    ] = 0.0,
    hqnr_fall: Annotated[
        float,
        typer.Option(
            "--hqnr-fall", min=0.0, help="Fall of HQNR at full resolution that the gain may cost."
        ),
    ] = 0.002,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 1,
    device: Device = "auto",
    num_threads: Threads = None,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Fine-tune a model on your own scene, at reduced resolution; sharpen the scene with it by --model.

    A quarter of the scene is kept unseen: what is gained there is reported, beside the classical methods.
    """
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.adapt.job import AdaptJob
    from ssdiff_cli.jobs.adapt.run import adapt as adapt_model
    from ssdiff_cli.jobs.sharpen.job import SharpenJob
    from ssdiff_models.training.adapt import AdaptConfig

    job = AdaptJob(
        sharpen=SharpenJob(
            pan=pan,
            ms=ms,
            output="",
            pair=pair_options(
                bidx=bidx,
                pan_bidx=pan_bidx,
                assume_same_crs=assume_same_crs,
                src_nodata=src_nodata,
                rpc_dem=rpc_dem,
            ),
            model=model,
            sensor=sensor,
            register=registration(register=register, local=register_local),
            device=DeviceOptions(device=device, threads=num_threads),
        ),
        output=output,
        config=AdaptConfig(steps=steps, learning_rate=rate, consistency=weight, seed=seed),
        seconds=60 * minutes,
        hqnr_fall=hqnr_fall,
        overwrite=overwrite,
    )
    with console.collected_warnings() as warnings, console.tile_progress("adapting") as progress:
        result = adapt_model(job, progress)
    if json:
        console.emit_json(asdict(result) | {"warnings": warnings})
        return
    for line in _lines(result):
        console.result(line)


def _lines(result: "AdaptResult") -> Iterator[str]:
    yield result.output
    how = {
        "start": "nothing gained",
        "last layer": "a new last layer",
        "training": f"{result.steps} steps",
    }[result.stage]
    yield f"{how}, from {result.base}, in {result.seconds:.0f} s; the unseen quarter at reduced resolution:"
    for name, scores in result.unseen.items():
        yield f"  {name:12}  SAM {scores['sam']:7.3f}   ERGAS {scores['ergas']:7.3f}"
    yield f"whole scene: HQNR {result.hqnr['before']:.4f} before, {result.hqnr['after']:.4f} after"
