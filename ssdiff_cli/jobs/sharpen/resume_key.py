"""What a run's pixels depend on besides its pair: an unfinished output is continued only by a run with the same."""

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.method import Fusion
from ssdiff_cli.jobs.sharpen.scene import OpenScene
from ssdiff_cli.jobs.sharpen.statistics_file import statistics_record
from ssdiff_models import __version__
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.scene.statistics import SceneStatistics

if TYPE_CHECKING:
    from ssdiff_models.checkpoint import Checkpoint

__all__ = ["settings_key"]

CAUSES = {
    "gains": "the sensor's MTF",
    "limits": "the MS's data type",
    "order": "the order of the bands",
    "partners": "the bands' names",
}
"""What a user calls settings that are no options of the command line."""


def settings_key(job: SharpenJob, scene: OpenScene, fusion: Fusion) -> dict[str, str]:
    """Returns settings by the names that a message would use."""
    common = {
        "version": __version__,
        "--method": job.method,
        "--sensor": str(job.sensor),
        "statistics": json.dumps(statistics_record(_statistics(scene, fusion)), sort_keys=True),
        "--device": fusion.device.device.type,
    }
    if scene.checkpoint is None or fusion.settings is None:
        return common
    settings = {
        CAUSES.get(name, f"--{name}"): json.dumps(value)
        for name, value in asdict(fusion.settings).items()
    }
    return (
        common
        | settings
        | {"--model": _digest(scene.checkpoint), "--precision": str(fusion.device.precision)}
    )


def _statistics(scene: OpenScene, fusion: Fusion) -> SceneStatistics:
    """The model's own have its prior besides."""
    return (
        fusion.fuser.statistics if isinstance(fusion.fuser, ModelFuser) else scene.pair.statistics()
    )


def _digest(checkpoint: "Checkpoint") -> str:
    """Hash of the weights and of how they are used; not of the name, which two models may share."""
    used = (
        checkpoint.config, checkpoint.normalisation, checkpoint.full_scale, checkpoint.prior, checkpoint.residual_scale, checkpoint.schedule
    )  # fmt: skip
    found = hashlib.sha256(repr(used).encode())
    for name, tensor in sorted(checkpoint.network.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
