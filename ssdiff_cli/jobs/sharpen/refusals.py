"""Arguments of a sharpening that cannot be meant together."""

import os

from ssdiff_cli.jobs.sharpen.job import NETWORK, FusionOptions, SharpenJob
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors

__all__ = ["check_arguments", "check_needless", "check_outputs"]


def check_arguments(job: SharpenJob) -> None:
    """Refuses what cannot be, before anything is read; outputs are not looked at.

    Raises:
        UsageError: When options contradict each other or name what is unknown.
    """
    if job.uncertainty is not None and (job.method != NETWORK or job.fusion.samples < 2):
        raise UsageError(
            "--uncertainty needs --samples 2 or more, drawn by the network: one sample has no spread"
        )
    if job.uncertainty is not None and os.path.realpath(job.uncertainty) == os.path.realpath(
        job.output
    ):
        raise UsageError(
            f"{job.output}: both the output and its uncertainty; choose another --uncertainty"
        )
    if job.method != NETWORK and job.model is not None:
        raise UsageError(f"--method {job.method} uses no model: leave --model out")
    if job.method != NETWORK and job.consistency:
        raise UsageError(
            f"--method {job.method} has no --consistency: it projects what the network makes; leave it out"
        )
    if job.method != NETWORK and job.statistics is not None:
        raise UsageError(
            f"--method {job.method} has no use for --stats: it measures the scene itself; leave it out"
        )
    if job.sensor is not None:
        sensors.get(job.sensor)


def check_needless(job: SharpenJob) -> None:
    """Refuses options of the network where there is none; in a batch they may be meant for other pairs.

    Raises:
        UsageError: When there is one.
    """
    if job.method == NETWORK:
        return
    for name in ("steps", "sampler", "samples", "tile", "overlap"):
        if getattr(job.fusion, name) not in (getattr(FusionOptions(), name), "ddim"):
            raise UsageError(
                f"--method {job.method} has no --{name}: that is the network's; leave it out"
            )


def check_outputs(job: SharpenJob, *, but_spread: bool) -> None:
    """Makes sure that the image and, unless `but_spread`, its uncertainty may be written."""
    for output in (job.output, None if but_spread else job.uncertainty):
        if output is not None:
            path = own_path(output, job.sink.shard)
            check_output(path, overwrite=job.sink.overwrite, inputs=(job.pan, job.ms))
