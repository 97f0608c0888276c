"""Quality of a model on the pairs of a folder, beside the classical methods.

Wald's protocol with exact geometry. The network's rows are what ``ssdiff sharpen`` makes: one
sampling step and no projection.

Usage: ``python -m benchmarks.quality FOLDER [--split val] [--model NAME|FILE] [--without SENSOR]
[--steps N] [--sampler NAME] [--samples N] [--consistency ITERATIONS]``
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.wald_scenes import classical_image, model_scenes, scene_parser
from ssdiff_cli.jobs.train.pairs import PairRecord
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.consistency.project import project
from ssdiff_models.consistency.target import GridTarget
from ssdiff_models.metrics import ergas, q2n, sam
from ssdiff_models.scene import sensors
from ssdiff_models.training.validation import fuse_scene
from ssdiff_models.training.wald_scene import WaldScene

METHODS = ("exp", "gsa", "bt-h", "bdsd-pc", "mtf-glp-fs", "mtf-glp-hpm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one scene."""

    scene: str
    sensor: str
    method: str
    sam: float
    ergas: float
    q2n: float


def main(arguments: Sequence[str]) -> None:
    """Prints the table of a split."""
    options = _parse(arguments)
    checkpoint = load_checkpoint(zoo.locate(options.model))
    rows = []
    for record, scene in model_scenes(checkpoint, options):
        found = list(_score(record, scene, checkpoint, options))
        rows += found
        _print(record.name, found)
    for sensor in sorted({row.sensor for row in rows}):
        _print(f"mean of {sensor}", _means([row for row in rows if row.sensor == sensor]))
    _print("mean of all", _means(rows))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = scene_parser(__doc__, split="val")
    parser.add_argument("--model", default="bgrn")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--sampler", default="ddim")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--consistency", type=int, default=0)
    parser.add_argument(
        "--methods", default=",".join(METHODS), help="classical methods beside the network"
    )
    return parser.parse_args(arguments)


def _score(
    record: PairRecord, scene: WaldScene, checkpoint: Checkpoint, options: argparse.Namespace
) -> Iterator[Row]:
    sensor, ratio = sensors.get(record.sensor), checkpoint.ratio
    truth, valid = scene.denormalise(scene.gt).numpy(), scene.valid.numpy()
    for method, fused in _fused(scene, checkpoint, sensor, options):
        image = fused.numpy()
        yield Row(
            scene=record.name,
            sensor=record.sensor,
            method=method,
            sam=sam(image, truth, valid=valid),
            ergas=ergas(image, truth, ratio=ratio, valid=valid),
            q2n=q2n(image, truth, valid=valid),
        )


def _fused(
    scene: WaldScene, checkpoint: Checkpoint, sensor: sensors.Sensor, options: argparse.Namespace
) -> Iterator[tuple[str, Tensor]]:
    yield "ssdiff", scene.denormalise(network_image(scene, checkpoint, sensor, options))
    for method in filter(None, options.methods.split(",")):
        yield (
            method,
            classical_image(
                method, scene, sensor=sensor, ratio=checkpoint.ratio, phase=checkpoint.ms_phase
            ),
        )


def network_image(
    scene: WaldScene, checkpoint: Checkpoint, sensor: sensors.Sensor, options: argparse.Namespace
) -> Tensor:
    """Returns the mean of the samples, normalised, each projected on images that give the MS back."""
    gains = sensor.gains(len(scene.gt), checkpoint.bands)
    total = torch.zeros_like(scene.gt)
    phase = checkpoint.ms_phase
    target = GridTarget(pixels=scene.ms, phase=(phase, phase))
    for seed in range(1, options.samples + 1):
        fused = fuse_scene(
            checkpoint,
            scene,
            steps=options.steps,
            sampler=options.sampler,
            seed=seed,
        )
        total += project(
            fused, target, gains=gains, ratio=checkpoint.ratio, iterations=options.consistency
        )
    mean: Tensor = total / options.samples
    return mean


def _means(rows: Sequence[Row]) -> list[Row]:
    methods = dict.fromkeys(row.method for row in rows)
    return [_mean(method, [row for row in rows if row.method == method]) for method in methods]


def _mean(method: str, rows: Sequence[Row]) -> Row:
    return Row(
        scene="",
        sensor="",
        method=method,
        sam=fmean(row.sam for row in rows),
        ergas=fmean(row.ergas for row in rows),
        q2n=fmean(row.q2n for row in rows),
    )


def _print(title: str, rows: Sequence[Row]) -> None:
    sys.stdout.write(f"{title}\n  method          SAM    ERGAS     Q2n\n")
    for row in rows:
        sys.stdout.write(f"  {row.method:12s} {row.sam:6.3f}  {row.ergas:7.3f}  {row.q2n:6.4f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
