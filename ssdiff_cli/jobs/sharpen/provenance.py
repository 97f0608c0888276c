"""What the output's tags tell of how it was made."""

import json
from dataclasses import asdict

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import Fusion
from ssdiff_cli.jobs.sharpen.scene import OpenScene
from ssdiff_models import __version__

__all__ = ["provenance"]


def provenance(job: SharpenJob, scene: OpenScene, fusion: Fusion) -> dict[str, str]:
    """Returns the SSDIFF tags of an output."""
    tags = {
        "VERSION": __version__,
        "METHOD": job.method,
        "PAN": _base(job.pan),
        "MS": _base(job.ms),
    }
    if fusion.model is not None:
        tags["MODEL"] = fusion.model
    if job.sensor is not None:
        tags["SENSOR"] = job.sensor
    if scene.registered:
        tags["REGISTRATION"] = repr(
            [round(value, 8) for value in tuple(scene.pair.options.motion)[:6]]
        )
        if scene.pair.options.surface is not None:
            tags["REGISTRATION_SURFACE"] = json.dumps(asdict(scene.pair.options.surface))
    return tags | fusion.provenance | {"HISTORY": _history(job, scene, fusion)}


def _history(job: SharpenJob, scene: OpenScene, fusion: Fusion) -> str:
    """A line for each step that led to the output; without the time, or a continued run could not end in the same bytes."""
    before = scene.pair.ms.dataset.tags(ns="SSDIFF").get("HISTORY", "")
    how = f"model {fusion.model}" if fusion.model is not None else f"method {job.method}"
    own = f"ssdiff {__version__} sharpen: PAN {_base(job.pan)}, MS {_base(job.ms)}, {how}"
    return f"{before}\n{own}".strip()


def _base(path: str) -> str:
    """The file's own name: folders are nobody else's business."""
    return path.rstrip("/").rpartition("/")[2]
