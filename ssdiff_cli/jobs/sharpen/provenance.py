"""What a file says of how it was made: the tags of an output, and the key of an unfinished one."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from ssdiff_cli.jobs.sharpen.band_names import scene_sensor
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.scene import OpenScene
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_models import __version__
from ssdiff_models.scene.sensors import AUTO

__all__ = ["provenance", "resume_key"]


def resume_key(job: SharpenJob, method: SceneMethod) -> dict[str, str]:
    """Returns what decides the pixels besides the pair, by its names in messages.

    Only a run with the same key resumes an unfinished output.
    """
    record = statistics_record(method.pair.statistics(), method.prior, method.pair.mtf)
    key = {
        "version": __version__,
        "--method": job.method,
        "--sensor": job.sensor or AUTO,
        "statistics": json.dumps(record, sort_keys=True),
        "--device": method.device.device.type,
    }
    return key | method.resume_key()


def provenance(job: SharpenJob, scene: OpenScene, method: SceneMethod) -> dict[str, str]:
    """Returns the SSDIFF tags of an output."""
    pan = _file_name(job.pan)
    ms = ", ".join(map(_file_name, (job.ms, *job.pair.more_ms)))
    model = method.summary().model
    tags = {"VERSION": __version__, "METHOD": job.method, "PAN": pan, "MS": ms}
    if model is not None:
        tags["MODEL"] = model
    mtf = scene.pair.mtf
    if job.sensor is not None or mtf is not None:
        gains = scene_sensor(job.sensor, scene.pair).ms_gains
        tags |= {"SENSOR": job.sensor or AUTO, "MTF_GAINS": _listed(gains)}
    if mtf is not None:
        tags["MTF_ERRORS"] = _listed(mtf.errors)
    if scene.registered:
        tags |= _registration(scene)
    # A line for each step, without the time: a resumed run ends in the same bytes.
    earlier = scene.pair.ms.dataset.tags(ns="SSDIFF").get("HISTORY", "")
    how = f"method {job.method}" if model is None else f"model {model}"
    step = f"ssdiff {__version__} sharpen: PAN {pan}, MS {ms}, {how}"
    return tags | method.tags() | {"HISTORY": f"{earlier}\n{step}".strip()}


def _registration(scene: OpenScene) -> dict[str, str]:
    shift = scene.pair.shift
    motion = [round(value, 8) for value in tuple(shift.motion)[:6]]
    tags = {"REGISTRATION": repr(motion)}
    if shift.surface is not None:
        tags["REGISTRATION_SURFACE"] = json.dumps(asdict(shift.surface))
    return tags


def _listed(numbers: Sequence[float | None]) -> str:
    return ",".join("unknown" if number is None else f"{number:g}" for number in numbers)


def _file_name(path: str) -> str:
    """Returns the last part of a path or URL: folders are private."""
    return path.rstrip("/").rpartition("/")[2]
