"""What a run's pixels depend on: only a run with the same key resumes an unfinished output."""

import json

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_models import __version__

__all__ = ["resume_key"]


def resume_key(job: SharpenJob, method: SceneMethod) -> dict[str, str]:
    """Returns all settings that decide pixels besides the pair, by the names of messages."""
    key = {
        "version": __version__,
        "--method": job.method,
        "--sensor": str(job.sensor),
        "statistics": json.dumps(statistics_record(method.statistics()), sort_keys=True),
        "--device": method.device.device.type,
    }
    return key | method.resume_key()
