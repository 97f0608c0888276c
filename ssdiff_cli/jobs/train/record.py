"""What a trained model says of its training."""

import datetime as dt
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.jobs.train.log import LogRow
from ssdiff_cli.jobs.train.settings import TrainSettings
from ssdiff_models.training.patch_set import sample_patches
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["changed_settings", "describe_training", "pooled", "stages"]

POOLED = 256
"""Patches of one file that its radiometry is taken from."""


def describe_training(settings: TrainSettings, scenes: Sequence[WaldScene]) -> dict[str, Any]:
    """Returns data, settings and date."""
    training = settings.training
    return {
        "batch": training.batch,
        "patch": training.size,
        "learning_rate": training.learning_rate,
        "seed": training.seed,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "scenes": _names(scenes),
        "pixels": sum(int(scene.valid.sum()) for scene in scenes),
        "config": _without_folders(settings.plain()),
    }


def stages(rows: Sequence[LogRow], main: int) -> dict[str, dict[str, float | int | None]]:
    """Returns the last validation of each stage so far: what L-BAF gained on the main stage of `main` steps."""
    looked = [row for row in rows if row.ergas is not None]
    ends = {
        "main": [row for row in looked if row.step <= main],
        "l-baf": [row for row in looked if row.step > main],
    }
    return {
        name: {"step": of[-1].step, "ergas": of[-1].ergas, "sam": of[-1].sam, "q2n": of[-1].q2n}
        for name, of in ends.items()
        if of
    }


def changed_settings(record: Path, settings: TrainSettings) -> Iterator[str]:
    """Yields a sentence for every setting in which a continued run differs from its beginning, its length aside."""
    try:
        before = tomllib.loads(record.read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return
    for section in ("data", "network", "training", "schedule"):
        for name, value in settings.plain()[section].items():
            old = before.get(section, {}).get(name, value)
            now = list(value) if isinstance(value, tuple) else value
            if old not in (now, value) and name not in {"steps", "decay"}:
                yield f"{section}.{name} is {now!r}, the run began with {old!r}"


def _file_of(scene: WaldScene) -> str:
    """Returns the patch file that a scene is out of, else nothing."""
    name, _, number = scene.name.rpartition("#")
    return name if number.isdecimal() else ""


def _is_real(scene: WaldScene) -> bool:
    return scene.sensor != "simulated" and ("#" not in scene.name or bool(_file_of(scene)))


def _names(scenes: Sequence[WaldScene]) -> list[str]:
    """Returns the scenes' names; of patches those of their files, with their numbers."""
    files = Counter(_file_of(scene) for scene in scenes)
    alone = [scene.name for scene in scenes if not _file_of(scene)]
    return [*alone, *(f"{name} ({count} patches)" for name, count in files.items() if name)]


def pooled(scenes: Sequence[WaldScene]) -> tuple[WaldScene, ...]:
    """Puts the patches of each file, or some of them, into one scene: a patch of water is no scene.

    Simulated scenes and variants are left out where there are others: they are exaggerated, and say little about what is usual.
    """
    files: dict[str, list[WaldScene]] = {}
    for scene in [scene for scene in scenes if _is_real(scene)] or scenes:
        files.setdefault(_file_of(scene), []).append(scene)
    alone = files.pop("", [])
    for members in files.values():
        some = [members[index] for index in sample_patches(len(members), POOLED)]
        gt, pan = torch.cat([one.gt for one in some], 1), torch.cat([one.pan for one in some], 1)
        alone.append(replace(some[0], gt=gt, pan=pan, valid=torch.cat([one.valid for one in some])))
    return tuple(alone)


def _without_folders(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Takes the folders of this machine out of the sources."""
    data = dict(settings["data"])
    for name in ("sources", "valid"):
        data[name] = [
            ",".join(Path(part).name for part in source.split(",")) for source in data[name]
        ]
    return settings | {"data": data}
