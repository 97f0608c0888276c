"""Trains small networks that differ in one thing each, with one budget, and scores them on the validation scenes.

Usage: ``python -m benchmarks.ablation FOLDER [--steps 300] [--only GROUP …] [--threads 1]``

Groups: ``base``, ``prior``, ``normalisation``, ``scale``, ``window``, ``loss``, ``width``, ``skip``, ``branches`` (the paper's Table 2),
``fmim`` (Table 3) and ``fine-tuning`` (Table 5). Every run has the same patches and the same seed, so the differences are those of the
change and of its chance.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from benchmarks.wald_scenes import scene_parser, split_scenes
from ssdiff_models.checkpoint import Checkpoint, PriorName
from ssdiff_models.nets.ablated import build
from ssdiff_models.nets.ssdiff import SSDiffConfig
from ssdiff_models.scene import sensors
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.loop import Trainer
from ssdiff_models.training.validation import fuse_scene, score
from ssdiff_models.training.wald_scene import WaldScene

BANDS, RATIO = ("blue", "green", "red", "nir"), 4
LOCAL = 33
"""Side in PAN pixels of the neighbourhood whose mean is taken off."""
Scenes = Sequence[tuple[str, WaldScene]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One change."""

    group: str
    name: str
    network: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    prior: PriorName = "bt-h"
    view: Callable[[str, WaldScene], WaldScene] | None = None
    """What the network sees of a scene."""


def _full_scale(sensor: str, scene: WaldScene) -> WaldScene:
    """The paper's range: DN over full scale, from 0 to 1."""
    top = float(sensors.get(sensor).full_scale or 2047)
    means = torch.tensor(scene.means)[:, None, None] / max(top, *scene.means)

    def ranged(image: Tensor, scale: Tensor) -> Tensor:
        return (image + 1) * scale

    gt, lms, prior, ms = (
        ranged(image, means[:-1]) for image in (scene.gt, scene.lms, scene.prior, scene.ms)
    )
    pan, tops = ranged(scene.pan, means[-1:]), (max(top, *scene.means),) * len(scene.means)
    return replace(scene, pan=pan, gt=gt, lms=lms, prior=prior, ms=ms, means=tops)


def _smooth(image: Tensor) -> Tensor:
    smoothed: Tensor = avg_pool2d(
        image[None], LOCAL, stride=1, padding=LOCAL // 2, count_include_pad=False
    )[0]
    return smoothed


def _local_mean(sensor: str, scene: WaldScene) -> WaldScene:
    """The local mean of every image taken off; the reference loses what the prior loses, so the residual stays."""
    del sensor
    low = _smooth(scene.prior)
    return replace(
        scene, gt=scene.gt - low, prior=scene.prior - low, pan=scene.pan - _smooth(scene.pan)
    )


def _high_pass_pan(sensor: str, scene: WaldScene) -> WaldScene:
    """The PAN without what the MS has already (as PanNet)."""
    del sensor
    low = avg_pool2d(
        scene.pan[None], 2 * RATIO + 1, stride=1, padding=RATIO, count_include_pad=False
    )[0]
    return replace(scene, pan=scene.pan - low)


def cases(spread: float) -> Iterator[Case]:
    """Yields all cases but fine-tuning; `spread` is the standard deviation of the residual."""
    yield Case(group="base", name="as shipped (V6)")
    yield Case(group="prior", name="prior LMS, as in the paper", prior="lms")
    # Gains act on values above black, which the other ranges do not have at -1.
    steady = {"gain_jitter": 0.0, "band_jitter": 0.0}
    yield Case(group="normalisation", name="scene mean, no gain jitter", training=steady)
    yield Case(group="normalisation", name="full scale", view=_full_scale, training=steady)
    yield Case(group="normalisation", name="local mean", view=_local_mean, training=steady)
    yield Case(
        group="normalisation",
        name="scene mean, high-pass PAN",
        view=_high_pass_pan,
        training=steady,
    )
    yield Case(
        group="scale",
        name=f"residual scale 1/std = {1 / spread:.3g}",
        training={"residual_scale": 1 / spread},
    )
    yield Case(group="window", name="window 32", network={"window": 32})
    yield Case(
        group="window", name="window 64", network={"window": 64}, training={"size": 64, "batch": 3}
    )
    yield Case(group="loss", name="L2", training={"loss": "l2"})
    yield Case(group="width", name="dim 16", network={"dim": 16})
    yield Case(group="skip", name="MS skip", network={"ms_skip": True})
    for number, variant in enumerate(("spatial", "spectral", "concat", "add", "multiply"), start=1):
        yield Case(group="branches", name=f"V{number}: {variant}", network={"variant": variant})
    yield Case(group="fmim", name="without FMIM", network={"fmim": False})


def main(arguments: Sequence[str]) -> None:
    """Runs the cases and prints a row for each as it ends."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    data = {
        prior: {split: _load(options, split, prior) for split in ("train", "val")}
        for prior in ("bt-h", "lms")
    }
    residuals = [
        (scene.gt - scene.prior)[:, scene.valid].std() for _, scene in data["bt-h"]["train"]
    ]
    sys.stdout.write(
        "| group | change | parameters | seconds | SAM | ERGAS |\n|---|---|---|---|---|---|\n"
    )
    for case in cases(float(torch.stack(residuals).mean())):
        if not options.only or case.group in options.only:
            trainer, seconds = _train(case, data[case.prior]["train"], options.steps)
            _row(case, trainer, seconds, data[case.prior]["val"])
    if not options.only or "fine-tuning" in options.only:
        _fine_tune(data["bt-h"], options.steps)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = scene_parser(__doc__, split=None, without=["unknown"])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def _load(options: argparse.Namespace, split: str, prior: PriorName) -> Scenes:
    found = split_scenes(
        options.folder, split=split, bands=BANDS, ratio=RATIO, prior=prior, without=options.without
    )
    return [
        (record.sensor, replace(scene, sensor=record.sensor))
        for record, scene in found
        if split == "val" or min(scene.gt.shape[-2:]) >= 64
    ]


def _seen(case: Case, scenes: Scenes) -> tuple[WaldScene, ...]:
    return tuple(case.view(sensor, scene) if case.view else scene for sensor, scene in scenes)


def _train(case: Case, scenes: Scenes, steps: int) -> tuple[Trainer, float]:
    config = TrainingConfig(**({"steps": steps, "decay": steps // 3, "warmup": 50} | case.training))
    torch.manual_seed(config.seed)
    trainer = Trainer(build(SSDiffConfig(**({"bands": 4, "window": 16} | case.network))), config)
    started = time.perf_counter()
    _run(trainer, _seen(case, scenes))
    return trainer, time.perf_counter() - started


def _run(trainer: Trainer, scenes: tuple[WaldScene, ...]) -> None:
    for _ in trainer.run(BatchSampler(scenes, trainer.config)):
        pass


def _row(case: Case, trainer: Trainer, seconds: float, scenes: Scenes) -> None:
    """Scores by the differences to the truth that the network saw, put back into DN."""
    config = trainer.config
    model = Checkpoint(
        network=trainer.average,
        bands=BANDS,
        ratio=RATIO,
        residual_scale=config.residual_scale,
        schedule=config.schedule,
    )
    found = []
    for (_, plain), scene in zip(scenes, _seen(case, scenes), strict=True):
        fused = fuse_scene(model, scene)
        scale = (
            torch.tensor(scene.means[:-1])[:, None, None]
            / torch.tensor(plain.means[:-1])[:, None, None]
        )
        found.append(score(plain, plain.gt + (fused - scene.gt) * scale))
    count = sum(parameter.numel() for parameter in trainer.network.parameters())
    means = fmean(one.sam for one in found), fmean(one.ergas for one in found)
    sys.stdout.write(
        f"| {case.group} | {case.name} | {count:,} | {seconds:.0f} | {means[0]:.3f} | {means[1]:.3f} |\n"
    )
    sys.stdout.flush()


def _fine_tune(data: dict[str, Scenes], steps: int) -> None:
    """The paper's Table 5: the base run, continued in four ways."""
    more = steps // 3
    share = {"spatial branch": 1.0, "spectral branch": 0.0, "alternating (L-BAF)": 0.5}
    for name in ("none", "all parameters", *share):
        extra: dict[str, Any] = {}
        if name in share:
            extra = {
                "lbaf_steps": more,
                "lbaf_block": max(more // 10, 1),
                "lbaf_share": share[name],
            }
        case = Case(group="fine-tuning", name=name, training=extra)
        trainer, seconds = _train(case, data["train"], steps)
        if name == "all parameters":
            trainer.config = replace(
                trainer.config, steps=steps + more, learning_rate=1e-4, decay=more // 4
            )
            _run(trainer, _seen(case, data["train"]))
        _row(case, trainer, seconds, data["val"])


if __name__ == "__main__":
    main(sys.argv[1:])
