"""``ssdiff train``: a model from a folder of GeoTIFF pairs."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options import Device, Json, Quiet, Threads, Verbose
from ssdiff_models.errors import InputError, UsageError

if TYPE_CHECKING:
    from ssdiff_cli.jobs.train import TrainingJob, ValidationReport
    from ssdiff_models.training.loop import StepReport
    from ssdiff_models.training.wald import WaldScene

__all__ = ["train"]

_log = logging.getLogger(__name__)


def train(
    folder: Annotated[Path, typer.Argument(help="Folder of PAN/MS pairs with an index.json.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write (.safetensors).", show_default=False)],
    *,
    bands: Annotated[
        str, typer.Option("--bands", metavar="NAME,…", help="Bands of the model, by name.")
    ] = "blue,green,red,nir",
    ratio: Annotated[int, typer.Option("--ratio", help="PAN pixels per MS pixel: 2 or 4.")] = 4,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="SENSOR", help="Leave a sensor out; repeatable.", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps in all.")] = 12000,
    decay: Annotated[int, typer.Option("--decay", min=0, help="Steps at the end over which the rate falls to 0.")] = 3000,
    rate: Annotated[float, typer.Option("--learning-rate", help="Learning rate before the decay.")] = 1.5e-3,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Patches a step.")] = 12,
    patch: Annotated[int, typer.Option("--patch", min=8, help="Side of a patch, PAN pixels.")] = 32,
    dim: Annotated[int, typer.Option("--dim", help="Channels at full resolution, a multiple of 16.")] = 32,
    window: Annotated[int, typer.Option("--window", help="Side of the attention windows, PAN pixels.")] = 16,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 1,
    validate_every: Annotated[int, typer.Option("--validate-every", min=1, help="Steps between validations.")] = 1000,
    device: Device = "auto",
    num_threads: Threads = None,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Train a model; run it again to continue where it stopped (its state lies beside the output, under .state)."""
    del verbose, quiet  # they act through their callbacks
    import torch

    from ssdiff_cli.device import DeviceOptions, choose
    from ssdiff_cli.jobs import train as jobs
    from ssdiff_models.nets.ssdiff import SSDiffConfig
    from ssdiff_models.training.loop import TrainingConfig

    if not output.parent.is_dir():
        raise UsageError(f"{output}: there is no folder {output.parent}; create it first")
    names = tuple(name.strip() for name in bands.split(",") if name.strip())
    choice = choose(DeviceOptions(device=device, threads=num_threads), tile_pixels=patch**2)
    torch.set_num_threads(choice.threads)
    job = jobs.TrainingJob(
        folder=folder,
        output=output,
        name=output.stem,
        bands=names,
        ratio=ratio,
        network=SSDiffConfig(bands=len(names), ratio=ratio, dim=dim, window=window),
        training=TrainingConfig(steps=steps, decay=decay, learning_rate=rate, batch=batch, size=patch, seed=seed),
        without=tuple(without or ()),
        validate_every=validate_every,
        device=str(choice.device),
        note={"hardware": f"{choice.device}, {choice.threads} threads"},
    )
    scenes, validation = _scenes(job, "train"), _scenes(job, "val")
    last: ValidationReport | None = None
    with console.tile_progress("training") as progress:
        for report in jobs.train(job, scenes, validation):
            if isinstance(report, jobs.ValidationReport):
                last = report
                _log.info("step %d: ERGAS %.4f (EXP %.4f), SAM %.4f", report.step, report.ergas, report.exp_ergas, report.sam)
            else:
                progress(report.step, steps, _pixels(report, job))
    if json:
        console.emit_json(_summary(output, last))
    else:
        console.result(str(output))


def _scenes(job: "TrainingJob", split: str) -> list["WaldScene"]:
    from ssdiff_cli.jobs.train import load_scenes

    scenes = []
    for record, scene in load_scenes(job, split):
        if isinstance(scene, InputError):
            _log.warning("left out: %s", scene)
        elif split == "train" and min(scene.gt.shape[-2:]) < job.training.size:
            _log.warning("left out: %s: smaller at reduced resolution than a patch of %d", record.name, job.training.size)
        else:
            scenes.append(scene)
    if not scenes:
        raise InputError(
            f"{job.folder}: no usable pair of split {split!r} with bands {', '.join(job.bands)} at ratio {job.ratio}"
        )
    return scenes


def _pixels(report: "StepReport", job: "TrainingJob") -> int:
    return report.step * job.training.batch * job.training.size**2


def _summary(output: Path, last: "ValidationReport | None") -> dict[str, object]:
    scores = {"ergas": last.ergas, "sam": last.sam, "exp_ergas": last.exp_ergas, "step": last.step} if last else {}
    return {"output": str(output), "validation": scores}
