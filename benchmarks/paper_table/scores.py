"""The scores of a model or a classical method, image by image, kept in a file as they come."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.wald_scenes import classical_image, split_scenes
from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
from ssdiff_cli.jobs.evaluate.run import evaluate
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_cli.jobs.train.pairs import PairRecord, band_indexes, read_index
from ssdiff_models import metrics
from ssdiff_models.checkpoint import Checkpoint, PriorName, load_checkpoint
from ssdiff_models.diffusion.denoiser import ResidualDenoiser
from ssdiff_models.diffusion.sampler import sample
from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.training.validation import fuse_scene, score
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["FolderScores", "H5Scores", "ScoreFile", "Task", "cost_of", "sensor_name"]

SPLITS = ("val", "test")
REDUCED, FULL = "reduced resolution, ", "full resolution, "
"""How groups begin; the split follows."""
RATIO = 4
"""Of the pairs that are scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An image to score methods on."""

    group: str
    """The table that it belongs to."""
    scene: str
    sensor: str = ""
    """As the index has it; empty where the file knows."""


class ScoreFile:
    """Lines of JSON: what was scored, and its figures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def has(self, run: str, task: Task) -> bool:
        """Whether a run was scored on an image."""
        wanted = (run, task.group, task.scene)
        return any((row["run"], row["group"], row["scene"]) == wanted for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Writes a row at once."""
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)


def sensor_name(title: str) -> str:
    """Returns the short name of an index's sensor, or the generic one's."""
    try:
        return sensors.get(title).name
    except UsageError:
        return "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScores:
    """The scores on the pairs of a folder."""

    folder: Path
    bands: tuple[str, ...]
    device: DeviceOptions

    def tasks(self) -> Iterator[Task]:
        """Yields the images of both protocols."""
        for split in SPLITS:
            for name, (record, _) in _scenes(self.folder, split, self.bands, "lms").items():
                yield Task(group=REDUCED + split, scene=name, sensor=record.sensor)
            for record in self._whole(split):
                yield Task(group=FULL + split, scene=record.name, sensor=record.sensor)

    def _whole(self, split: str) -> list[PairRecord]:
        """Returns the pairs at full resolution that have these bands and no others."""
        return [
            record
            for record in read_index(self.folder)
            if record.split == split
            and not record.has_gt
            and record.ratio == RATIO
            and len(record.bands) == len(self.bands)
            and band_indexes(record.bands, self.bands)
        ]

    def score(self, method: str, model: Path | None, task: Task) -> dict[str, float]:
        """Returns the figures of one image."""
        split = task.group.rpartition(" ")[2]
        if task.group.startswith(REDUCED):
            return self._reduced(method, model, split, task.scene)
        record = next(one for one in self._whole(split) if one.name == task.scene)
        return self._full(method, model, record)

    def _reduced(self, method: str, model: Path | None, split: str, name: str) -> dict[str, float]:
        checkpoint = load_checkpoint(model) if model else None
        prior = checkpoint.prior if checkpoint else "lms"
        record, scene = _scenes(self.folder, split, self.bands, prior)[name]
        if checkpoint is None:
            known = sensors.get(sensor_name(record.sensor))
            image = classical_image(method, scene, sensor=known, ratio=RATIO, phase=1.5)
            means = torch.tensor(scene.means[:-1])[:, None, None]
            fused = image / means - 1
        else:
            fused = fuse_scene(checkpoint, scene, steps=checkpoint.steps)
        found = score(scene, fused)
        truth, valid = scene.denormalise(scene.gt).numpy(), scene.valid.numpy()
        similarity = metrics.scc(scene.denormalise(fused).numpy(), truth, valid=valid)
        return {"sam": found.sam, "ergas": found.ergas, "q2n": found.q2n, "scc": similarity}

    def _full(self, method: str, model: Path | None, record: PairRecord) -> dict[str, float]:
        request = EvaluationRequest(
            full=record.files,
            methods=(NETWORK if model else method,),
            model=str(model) if model else None,
            sensor=sensor_name(record.sensor),
            register="global",
            device=self.device,
        )
        (found,) = evaluate(request).means().values()
        return dict(found)


@cache
def _scenes(
    folder: Path, split: str, bands: tuple[str, ...], prior: PriorName
) -> dict[str, tuple[PairRecord, WaldScene]]:
    found = split_scenes(folder, split=split, bands=bands, ratio=RATIO, prior=prior, without=())
    return {record.name: (record, scene) for record, scene in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class H5Scores:
    """The scores on PanCollection's test files; the mean of a file's images is one row."""

    files: tuple[str, ...]
    device: DeviceOptions
    crop: int | None = None
    """Border cut where there is a reference; None is the field's."""

    def tasks(self) -> Iterator[Task]:
        """Yields a task a file."""
        for path in self.files:
            yield Task(group=Path(path).name, scene=path)

    def score(self, method: str, model: Path | None, task: Task) -> dict[str, float]:
        """Returns the mean figures of a file."""
        request = EvaluationRequest(
            dataset=task.scene,
            methods=(NETWORK,) if model else (method,),
            model=str(model) if model else None,
            device=self.device,
            crop=self.crop,
        )
        (found,) = evaluate(request).means().values()
        return dict(found)


def cost_of(path: Path, side: int) -> dict[str, float]:
    """Returns parameters, operations a pixel, and seconds a megapixel of the network alone.

    On one image of `side` pixels, with the model's sampling steps; on the CPU.
    """
    model = load_checkpoint(path)
    with FlopCounterMode(display=False) as counter:
        _sampled(model, side)
    started = time.perf_counter()
    _sampled(model, side)
    seconds = time.perf_counter() - started
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    return {
        "parameters": parameters,
        "kflop": counter.get_total_flops() / side**2 / 1e3,
        "s_per_mpx": seconds / side**2 * 1e6,
    }


def _sampled(model: Checkpoint, side: int) -> None:
    bands, coarse = model.band_count, side // model.ratio
    denoiser = ResidualDenoiser(
        network=model.network,
        lms=torch.zeros(1, bands, side, side),
        pan=torch.zeros(1, 1, side, side),
        ms=torch.zeros(1, bands, coarse, coarse),
    )
    noise = torch.zeros(1, bands, side, side)
    sample(denoiser, noise, model.schedule, steps=model.steps)
