"""The training record of a model's metadata."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.jobs.train.log import LogRow
from ssdiff_cli.jobs.train.settings import TrainSettings
from ssdiff_models.documents import parsed_toml, read_text
from ssdiff_models.training.patch_set import sample_patches
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["changed_settings", "describe_training", "pooled", "stage_scores"]

POOLED = 256
"""Patches of one file that its fingerprint is taken from."""


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


def stage_scores(rows: Sequence[LogRow], main: int) -> dict[str, dict[str, float | int | None]]:
    """Returns the last validation of each stage so far; the main stage has `main` steps."""
    scored = [row for row in rows if row.ergas is not None]
    last = {"main" if row.step <= main else "l-baf": row for row in scored}
    return {
        stage: {"step": row.step, "ergas": row.ergas, "sam": row.sam, "q2n": row.q2n}
        for stage, row in last.items()
    }


def changed_settings(record: Path, settings: TrainSettings) -> Iterator[str]:
    """Yields a sentence for every setting that a continued run changes, its length aside."""
    try:
        before = parsed_toml(read_text(record))
    except (OSError, ValueError):
        return
    for section in ("data", "network", "training", "schedule"):
        table = before.get(section)
        old_values = table if isinstance(table, dict) else {}
        for name, value in settings.plain()[section].items():
            old = old_values.get(name, value)
            now = list(value) if isinstance(value, tuple) else value
            if old not in (now, value) and name not in {"steps", "decay"}:
                yield f"{section}.{name} is {now!r}, the run began with {old!r}"


def _patch_file(scene: WaldScene) -> str:
    """Returns the patch file that a scene is out of, or an empty text."""
    name, _, number = scene.name.rpartition("#")
    return name if number.isdecimal() else ""


def _is_real(scene: WaldScene) -> bool:
    is_variant = "#" in scene.name and not _patch_file(scene)
    return scene.sensor != "simulated" and not is_variant


def _names(scenes: Sequence[WaldScene]) -> list[str]:
    """Returns the scenes' names; of patches those of their files, with their numbers."""
    files = Counter(_patch_file(scene) for scene in scenes)
    pairs = [scene.name for scene in scenes if not _patch_file(scene)]
    return [*pairs, *(f"{name} ({count} patches)" for name, count in files.items() if name)]


def pooled(scenes: Sequence[WaldScene]) -> tuple[WaldScene, ...]:
    """Puts patches of each file into one scene: a patch of water is no scene.

    Simulated scenes and variants are left out where there are others: they are exaggerated.
    """
    files: dict[str, list[WaldScene]] = {}
    for scene in [scene for scene in scenes if _is_real(scene)] or scenes:
        files.setdefault(_patch_file(scene), []).append(scene)
    pairs = files.pop("", [])
    return (*pairs, *map(_joined, files.values()))


def _joined(patches: Sequence[WaldScene]) -> WaldScene:
    some = [patches[index] for index in sample_patches(len(patches), POOLED)]
    gt = torch.cat([patch.gt for patch in some], 1)
    pan = torch.cat([patch.pan for patch in some], 1)
    return replace(some[0], gt=gt, pan=pan, valid=torch.cat([patch.valid for patch in some]))


def _without_folders(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Takes the folders of this machine out of the sources."""
    data = dict(settings["data"])
    for name in ("sources", "valid"):
        pairs = [[Path(part).name for part in source.split(",")] for source in data[name]]
        data[name] = [",".join(names) for names in pairs]
    return settings | {"data": data}
