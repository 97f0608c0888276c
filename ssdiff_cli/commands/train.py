"""``ssdiff train``: a model from pairs, patch files and folders of them."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import Device, Json, Overwrite, Quiet, Threads, Verbose

if TYPE_CHECKING:
    from ssdiff_cli.jobs.train.job import TrainingJob
    from ssdiff_cli.jobs.train.run import ValidationReport

__all__ = ["train"]

_log = logging.getLogger(__name__)


def train(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE[@SENSOR]]…",
            help="Folder with an index.json, PanCollection .h5 file, or pair as pan.tif,ms.tif; any mix.",
            show_default=False,
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Checkpoint to write (.safetensors).", show_default=False
        ),
    ],
    valid: Annotated[
        list[str] | None,
        typer.Option(
            "--valid",
            metavar="SOURCE[@SENSOR]",
            help="Source for validation; repeatable.",
            show_default=False,
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            "--cache",
            metavar="FILE|none",
            help="Where the scenes are kept. (default: beside the output)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE.toml", help="Settings; flags come first.", show_default=False
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE",
            help="Any setting; repeatable.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            metavar="MODEL",
            help="Model, shipped or a file, to start from.",
            show_default=False,
        ),
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands",
            metavar="NAME,…",
            help="Bands by name. (default: the data's)",
            show_default=False,
        ),
    ] = None,
    ratio: Annotated[
        int | None,
        typer.Option(
            "--ratio", help="PAN pixels per MS pixel. (default: the data's)", show_default=False
        ),
    ] = None,
    prior: Annotated[
        Literal["lms", "bt-h"] | None,
        typer.Option(
            "--prior", help="What the network corrects. (default: bt-h)", show_default=False
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="SENSOR",
            help="Leave a sensor out; repeatable.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", help="Optimiser steps. (default: 12000)", show_default=False),
    ] = None,
    decay: Annotated[
        int | None,
        typer.Option(
            "--decay",
            help="Steps at the end over which the rate falls to 0. (default: 3000)",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate", help="Rate before the decay. (default: 1.5e-3)", show_default=False
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Patches a step. (default: 12)", show_default=False),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(
            "--patch", help="Side of a patch, PAN pixels. (default: 32)", show_default=False
        ),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option("--dim", help="Channels, a multiple of 16. (default: 32)", show_default=False),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            "--window", help="Side of the attention windows. (default: 16)", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Seed of everything random. (default: 1)", show_default=False),
    ] = None,
    validate_every: Annotated[
        int | None,
        typer.Option(
            "--validate-every",
            help="Steps between validations. (default: 1000)",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"] | None,
        typer.Option(
            "--precision", help="Arithmetic. (default: bf16 on CUDA, else fp32)", show_default=False
        ),
    ] = None,
    compiled: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile", help="Compile the network on CUDA.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    num_threads: Threads = None,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Train a model; run it again to continue where it stopped.

    Beside OUT.safetensors lie OUT.last.safetensors, OUT.state (what a run continues from), OUT.toml (the settings), OUT.csv and OUT.png
    (the log), and OUT.cache (the scenes). Several GPUs: torchrun --nproc-per-node N -m ssdiff_cli train …
    """
    del verbose, quiet  # they act through their callbacks
    import os

    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.train.setup import TrainingRequest, prepared

    flags: Mapping[str, Mapping[str, Any]] = {
        "data": {
            "sources": sources,
            "valid": valid,
            "bands": bands,
            "ratio": ratio,
            "prior": prior,
            "without": without,
        },
        "training": {
            "steps": steps,
            "decay": decay,
            "learning_rate": rate,
            "batch": batch,
            "size": patch,
            "seed": seed,
        },
        "network": {"dim": dim, "window": window},
        "run": {"validate_every": validate_every, "precision": precision, "compile": compiled},
    }
    request = TrainingRequest(
        output=output,
        flags=tuple(
            (part, name, value)
            for part, given in flags.items()
            for name, value in given.items()
            if value is not None
        ),
        changes=tuple(changes or ()),
        config=config,
        cache=cache,
        init=init,
        overwrite=overwrite,
        device=DeviceOptions(device=device, threads=num_threads),
    )
    with prepared(request, os.environ) as (job, scenes):
        last = _run(job, scenes)
    if job.execution.rank:
        return
    if json:
        console.emit_json(
            {
                "output": str(output),
                "last": str(job.last),
                "log": str(job.log),
                "validation": _summary(job, last),
            }
        )
    else:
        console.result(str(output))


def _run(job: "TrainingJob", scenes: Any) -> "ValidationReport | None":  # noqa: ANN401 - a SceneSet, which costs an import
    from ssdiff_cli.jobs.train.run import ValidationReport
    from ssdiff_cli.jobs.train.run import train as steps

    last: ValidationReport | None = None
    training = job.settings.training
    first: int | None = None
    with console.tile_progress("training") as progress:
        for report in steps(job, scenes):
            if isinstance(report, ValidationReport):
                last = report
                _log.info(
                    "step %d: ERGAS %.4f (EXP %.4f), SAM %.4f, Q2n %.4f",
                    report.step, report.ergas, report.exp_ergas, report.sam, report.q2n,
                )  # fmt: skip
            elif not job.execution.rank:
                first = report.step - 1 if first is None else first
                progress(
                    report.step,
                    training.total,
                    (report.step - first) * training.batch * training.size**2,
                )
    return last


def _summary(job: "TrainingJob", last: "ValidationReport | None") -> dict[str, object]:
    """Returns the scores of the last validation; those on file where the run had ended before."""
    from ssdiff_models.checkpoint import read_header

    if last is None:
        metadata = read_header(job.last)["metadata"]
        return {**metadata["metrics"]["val"], "step": metadata["training"]["steps"]}
    return {**last.means(), "exp_ergas": last.exp_ergas, "step": last.step}
