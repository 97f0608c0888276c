"""``ssdiff train``: a model from pairs, patch files and folders of them."""

import logging
import os
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand, group_values
from ssdiff_cli.options.flags import Json
from ssdiff_cli.options.groups import DeviceFlags
from ssdiff_cli.options.training import (
    DataFlags,
    FileFlags,
    NetworkFlags,
    RunFlags,
    TrainingFlags,
    chosen,
)

if TYPE_CHECKING:
    from ssdiff_cli.jobs.train.job import TrainingJob
    from ssdiff_cli.jobs.train.run import ValidationReport
    from ssdiff_models.training.scene_cache import SceneSet

__all__ = ["train_command"]

_log = logging.getLogger(__name__)


@expand
def train_command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE[@SENSOR]]…",
            help="Folder with index.json, PanCollection .h5 file, or pan.tif,ms.tif; any mix.",
        ),
    ] = None,
    *,
    files: FileFlags,
    data: DataFlags,
    training: TrainingFlags,
    network: NetworkFlags,
    run: RunFlags,
    device: DeviceFlags,
    json: Json = False,
) -> None:
    """Train a model; run it again to continue where it stopped.

    Writes OUT.safetensors, OUT.last.safetensors, OUT.state (to continue from), OUT.toml (settings),
    OUT.csv and OUT.png (log), OUT.cache (scenes). For GPUs: torchrun -m ssdiff_cli train …
    """
    from ssdiff_cli.jobs.train.setup import TrainingRequest, prepared

    flags = list(chosen(data=data, training=training, network=network, run=run))
    if sources:
        flags.append(("data", "sources", sources))
    request = TrainingRequest(
        **group_values(files, "changes"),
        flags=tuple(flags),
        changes=tuple(files.changes or ()),
        device=device.parsed(),
    )
    with prepared(request, os.environ) as (job, scenes):
        last = _run(job, scenes)
    if job.execution.rank:
        return
    written = {"output": job.output, "last": job.last, "log": job.log}
    record = written | {"validation": _summary(job, last)}
    console.answer(record, [str(job.output)], as_json=json)


def _run(job: "TrainingJob", scenes: "SceneSet") -> "ValidationReport | None":
    """Trains, shows the progress, and returns the last validation."""
    from ssdiff_cli.jobs.train.run import ValidationReport, train

    last: ValidationReport | None = None
    training = job.settings.training
    pixels = 0
    with console.tile_progress("training") as progress:
        for report in train(job, scenes):
            if isinstance(report, ValidationReport):
                last = report
                _log.info(
                    "step %d: ERGAS %.4f (EXP %.4f), SAM %.4f, Q2n %.4f",
                    report.step, report.ergas, report.exp_ergas, report.sam, report.q2n,
                )  # fmt: skip
            elif not job.execution.rank:
                pixels += training.batch * training.size**2
                progress(report.step, training.total, pixels)
    return last


def _summary(job: "TrainingJob", last: "ValidationReport | None") -> dict[str, object]:
    """Returns the scores of the last validation; those on file where the run had ended before."""
    from ssdiff_models.checkpoint import read_header

    if last is None:
        metadata = read_header(job.last)["metadata"]
        return {**metadata["metrics"]["val"], "step": metadata["training"]["steps"]}
    return {**last.means(), "exp_ergas": last.exp_ergas, "step": last.step}
