"""The SSDIFF tags of an output: how it was made."""

import json
from dataclasses import asdict

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import SceneMethod
from ssdiff_cli.jobs.sharpen.scene import OpenScene
from ssdiff_models import __version__

__all__ = ["provenance"]


def provenance(job: SharpenJob, scene: OpenScene, method: SceneMethod) -> dict[str, str]:
    """Returns the SSDIFF tags of an output."""
    tags = {
        "VERSION": __version__,
        "METHOD": job.method,
        "PAN": _file_name(job.pan),
        "MS": _file_name(job.ms),
    }
    model = method.summary.model
    if model is not None:
        tags["MODEL"] = model
    if job.sensor is not None:
        tags["SENSOR"] = job.sensor
    if scene.registered:
        tags |= _registration(scene)
    return tags | method.tags() | {"HISTORY": _history(job, scene, model)}


def _registration(scene: OpenScene) -> dict[str, str]:
    shift = scene.pair.shift
    motion = [round(value, 8) for value in tuple(shift.motion)[:6]]
    tags = {"REGISTRATION": repr(motion)}
    if shift.surface is not None:
        tags["REGISTRATION_SURFACE"] = json.dumps(asdict(shift.surface))
    return tags


def _history(job: SharpenJob, scene: OpenScene, model: str | None) -> str:
    """Returns the MS's history and a line for this step.

    The line has no time, or a resumed run could not end in the same bytes.
    """
    before = scene.pair.ms.dataset.tags(ns="SSDIFF").get("HISTORY", "")
    how = f"method {job.method}" if model is None else f"model {model}"
    pan = _file_name(job.pan)
    ms = _file_name(job.ms)
    step = f"ssdiff {__version__} sharpen: PAN {pan}, MS {ms}, {how}"
    return f"{before}\n{step}".strip()


def _file_name(path: str) -> str:
    """Returns the last part of a path or URL: folders are private."""
    return path.rstrip("/").rpartition("/")[2]
