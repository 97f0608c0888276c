"""``ssdiff sharpen``: options to a job, the job's report to stdout."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand, section
from ssdiff_cli.options.flags import Json, MsFiles, Pan, Stats
from ssdiff_cli.options.groups import (
    FusionFlags,
    InferenceFlags,
    MethodFlags,
    SceneFlags,
    SinkFlags,
    sharpen_job,
)
from ssdiff_models.errors import UsageError

if TYPE_CHECKING:
    from ssdiff_cli.jobs.evaluate.quicklook import Quicklook
    from ssdiff_cli.jobs.sharpen.job import SharpenJob

__all__ = ["quicklook_of", "sharpen_command"]

_output = section("Output")
_model = section("Model")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunFlags:
    """What a run makes, and of what."""

    uncertainty: str | None = _output(metavar="FILE", help="Spread of the samples, in DN.")
    quicklook: str | None = _output(metavar="FILE.png", help="Picture of PAN, MS and result.")
    shard: str | None = _output(metavar="I/N|auto", help="Part I of N; `merge` joins the parts.")
    dry_run: bool = _output(default=False, help="Print the plan and stop.")
    adapt: bool = _model(default=False, help="Fine-tune on this scene (OUT.model.safetensors).")
    adapt_minutes: float = _model(default=9.0, min=0.01, help="Time for --adapt.")


@expand
def sharpen_command(
    pan: Pan,
    ms: MsFiles = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write.", rich_help_panel="Output"
        ),
    ] = None,
    sink: SinkFlags,
    run: _RunFlags,
    pair: SceneFlags,
    method: MethodFlags,
    fusion: FusionFlags,
    stats: Stats = None,
    device: InferenceFlags,
    json: Json = False,
) -> None:
    """Fuse a PAN and an MS raster into a sharp one on the PAN's grid.

    The MS may come in several files, such as one a band; bands on coarser grids are interpolated to
    that of the finest.
    """
    from ssdiff_cli.jobs.sharpen import run as jobs
    from ssdiff_cli.jobs.sharpen.refusals import check_needless

    output = _named(output, ms or [])
    job = sharpen_job(
        pair,
        method,
        fusion,
        device,
        pan=pan,
        ms=ms,
        output=output,
        sink=sink.parsed(threads=device.threads, shard=run.shard),
        statistics=stats,
        uncertainty=run.uncertainty,
        quicklook=run.quicklook,
    )
    check_needless(job)
    picture = quicklook_of(job)
    if run.adapt:
        job = _adapted(job, run.adapt_minutes)
    if run.dry_run:
        _print_plan(jobs.plan(job).record(), as_json=json)
        return
    with console.collected_warnings() as warnings, console.tile_progress("sharpening") as progress:
        report = jobs.sharpen(job, progress)
        if picture is not None:
            picture.draw()
    console.answer(asdict(report) | {"warnings": warnings}, [report.output], as_json=json)


def _named(output: str | None, ms: list[str]) -> str:
    """Returns the output; refuses a command line without one."""
    if output is not None:
        return output
    last = ms[-1] if len(ms) > 1 else ""
    meant = f"; is {last} meant? Then give -o {last}" if last and not Path(last).exists() else ""
    raise UsageError(f"no output is named: give it with -o FILE{meant}")


def quicklook_of(job: "SharpenJob") -> "Quicklook | None":
    """Returns the picture of a job's output, if one is asked for; refuses what cannot be drawn."""
    if job.quicklook is None:
        return None
    from ssdiff_cli.jobs.evaluate.quicklook import Quicklook

    if job.sink.shard is not None:
        raise UsageError("--quicklook shows a whole output: draw it after merge (ssdiff quicklook)")
    picture = Quicklook(
        path=job.quicklook,
        pan=job.pan,
        ms=job.ms,
        fused=job.output,
        pair=job.pair,
        overwrite=job.sink.overwrite,
    )
    picture.check()
    return picture


def _print_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    console.answer(plan, [f"{name}: {value}" for name, value in plan.items()], as_json=as_json)


def _adapted(job: "SharpenJob", minutes: float) -> "SharpenJob":
    from ssdiff_cli.jobs.adapt.run import adapted_for

    with console.tile_progress("adapting") as progress:
        return adapted_for(job, progress, seconds=60 * minutes)
