"""Options of a sharpening that contradict each other."""

from ssdiff_cli.jobs.sharpen.job import NETWORK, FusionOptions, SharpenJob
from ssdiff_cli.rasters.writing.output_extension import check_extension
from ssdiff_cli.rasters.writing.output_path import check_outputs
from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors

__all__ = ["check_arguments", "check_destinations", "check_needless"]

NETWORK_ONLY = {
    "model": "uses no model: leave --model out",
    "consistency": "has no --consistency: it projects what the network makes; leave it out",
    "statistics": "has no use for --stats: it measures the scene itself; leave it out",
}
"""Fields of a job that a classical method does not use, and the reason."""


def check_arguments(job: SharpenJob) -> None:
    """Refuses a job that no pair makes valid, before anything is read; ignores existing outputs.

    Raises:
        UsageError: When options contradict each other or name what is unknown.
    """
    if job.uncertainty is not None and (job.method != NETWORK or job.fusion.samples < 2):
        raise UsageError(
            "--uncertainty needs --samples 2 or more, drawn by the network: "
            "one sample has no spread"
        )
    if job.method != NETWORK:
        for name, reason in NETWORK_ONLY.items():
            if getattr(job, name) not in {None, False}:
                raise UsageError(f"--method {job.method} {reason}")
    if job.sensor is not None:
        sensors.get(job.sensor)


def check_needless(job: SharpenJob) -> None:
    """Refuses options of the network where there is none; a batch has them for its other pairs."""
    if job.method == NETWORK:
        return
    defaults = FusionOptions()
    for name in ("steps", "sampler", "samples", "tile", "overlap", "sharpness"):
        if getattr(job.fusion, name) not in {getattr(defaults, name), "ddim"}:
            raise UsageError(
                f"--method {job.method} has no --{name}: that is the network's; leave it out"
            )


def check_destinations(job: SharpenJob) -> None:
    """Refuses outputs that could not be written, would destroy a file, or promise another format.

    Raises:
        UsageError: As `check_outputs` and `check_extension` do.
    """
    check_outputs(job.outputs, job.files, overwrite=job.sink.overwrite)
    for output in job.outputs:
        check_extension(output)
