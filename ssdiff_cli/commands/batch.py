"""``ssdiff batch``: a list of pairs, one line of JSON for each as it ends."""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ssdiff_cli import console
from ssdiff_cli.commands.sharpen import quicklook_of
from ssdiff_cli.exit_codes import explain
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.groups import (
    FusionFlags,
    InferenceFlags,
    MethodFlags,
    SceneFlags,
    SinkFlags,
    sharpen_job,
)
from ssdiff_cli.progress import Progress
from ssdiff_models.documents import read_text
from ssdiff_models.errors import InputError, UsageError

if TYPE_CHECKING:
    from ssdiff_cli.jobs.sharpen.batch import Outcome
    from ssdiff_cli.jobs.sharpen.job import SharpenJob
    from ssdiff_cli.jobs.sharpen.model_choice import LoadModel

__all__ = ["batch_command"]

_FAILED = 1


@expand
def batch_command(
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="CSV with the header pan,ms,out, or a JSON object a line; - is stdin. Or a folder, "
            "or a pattern in quotes, of products and of pairs that their names tell.",
        ),
    ],
    *,
    sink: SinkFlags,
    pair: SceneFlags,
    method: MethodFlags,
    fusion: FusionFlags,
    device: InferenceFlags,
    output_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the outputs of a folder or pattern; made where it is missing.",
            rich_help_panel="Output",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print each pair's plan and stop.")
    ] = False,
) -> None:
    """Sharpen many pairs; one that fails does not stop the others.

    Prints one JSON object a pair: pan, ms, output, status (done, skipped, failed), then the report
    or the error. Outputs that are there already are skipped. Exits 1 if any pair failed. An entry
    may also set method, model, sensor, steps, samples, seed, dtype, stats, uncertainty, bidx, bbox,
    band_names, register and quicklook for its pair alone; ms may be a list of files. Relative paths start from the current folder.
    """
    from ssdiff_cli.jobs.sharpen.batch import read_jobs

    files = {"output": "", "sink": sink.parsed(threads=device.threads)}
    base = sharpen_job(pair, method, fusion, device, pan="", ms=[""], **files)
    text = _read_list(pairs, output_dir)
    jobs = read_jobs(text, "stdin" if pairs == "-" else pairs, base)
    if "failed" in _run(jobs, dry_run=dry_run):
        raise typer.Exit(_FAILED)


def _read_list(pairs: str, output_dir: str | None) -> str:
    """Returns the text of the list; that of a folder or pattern is written of what is found."""
    from ssdiff_cli.jobs.sharpen.pair_search import find_pairs, is_place
    from ssdiff_cli.rasters.gdal import disk_errors

    if is_place(pairs):
        if output_dir is None:
            raise UsageError(f"{pairs}: a folder or pattern needs --output-dir DIR")
        entries = find_pairs(pairs, Path(output_dir))
        with disk_errors(output_dir):
            Path(output_dir).mkdir(parents=True, exist_ok=True)
        return "\n".join(map(json.dumps, entries))
    if output_dir is not None:
        raise UsageError(f"{pairs}: a list names its outputs: leave --output-dir out")
    if pairs == "-":
        with suppress(UnicodeDecodeError):
            return sys.stdin.read()
        raise InputError("stdin: the list is no UTF-8: convert it")
    try:
        return read_text(pairs)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{pairs}: cannot read the list: {reason}") from error


def _run(jobs: Sequence["SharpenJob"], *, dry_run: bool) -> set[str]:
    """Prints a line for each job and returns what became of them."""
    from ssdiff_cli.jobs.sharpen.batch import foreseen
    from ssdiff_models.checkpoint import load_checkpoint

    load = cache(load_checkpoint)
    seen: set[str] = set()
    for number, job in enumerate(jobs, 1):
        title = f"{number}/{len(jobs)}"
        with console.collected_warnings() as warnings, console.tile_progress(title) as progress:
            outcome = foreseen(job) if dry_run else _made(job, progress, load)
        seen.add(outcome.status)
        console.emit_json(_line(job, outcome) | {"warnings": warnings})
    return seen


def _made(job: "SharpenJob", progress: Progress, load: "LoadModel") -> "Outcome":
    """Sharpens a pair and draws its quicklook, which is checked first where there is work."""
    from ssdiff_cli.jobs.sharpen.batch import Outcome, attempt

    try:
        again = Path(job.output).exists() and not job.sink.overwrite
        picture = None if again else quicklook_of(job)
        outcome = attempt(job, progress, load)
        if picture is not None and outcome.status == "done":
            picture.draw()
    except Exception as error:  # noqa: BLE001 - the other pairs go on; the line says what it is
        return Outcome(status="failed", error=error)
    return outcome


def _line(job: "SharpenJob", outcome: "Outcome") -> dict[str, Any]:
    line = {"pan": job.pan, "ms": job.ms, "output": job.output, "status": outcome.status}
    if outcome.report is not None:
        return line | asdict(outcome.report)
    if outcome.error is not None:
        code, message = explain(outcome.error)
        console.fail(message, outcome.error)
        return line | {"exit_code": code, "error": message}
    return line
