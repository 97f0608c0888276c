"""What half a pixel of misregistration, a gain error, and noise cost the network and the classical methods.

Usage: ``python -m benchmarks.robustness FOLDER [--split test] [--model NAME|FILE] [--consistency ITERATIONS] [--without SENSOR]``

Each scene of the split is degraded by Wald's protocol, its PAN then moved by half a pixel, or one of its bands brightened by a tenth (in
MS and reference alike, which is what a calibration error does), or PAN and MS get white noise of 1 or 2 % of their means (the reference
none), and everything is scored again. Printed is the mean ERGAS as it is and what each change adds to it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.quality import METHODS, network_image
from benchmarks.wald_scenes import classical_image, model_scenes, pan_of, scene_parser
from ssdiff_models import zoo
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene import sensors
from ssdiff_models.training.validation import score
from ssdiff_models.training.wald_scene import Degradation, WaldScene, from_reference

Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Noise = tuple[float, float]
"""Standard deviations in PAN and MS, as parts of their means."""


def _moved(pan: Tensor, gt: Tensor) -> tuple[Tensor, Tensor]:
    return shift_image(pan, (0.5, 0.0)), gt


def _brighter_band(pan: Tensor, gt: Tensor) -> tuple[Tensor, Tensor]:
    gains = torch.ones(len(gt), 1, 1)
    gains[len(gt) // 2] = 1.1
    return pan, gt * gains


def _brighter_pan(pan: Tensor, gt: Tensor) -> tuple[Tensor, Tensor]:
    return pan * 1.1, gt


CHANGES: dict[str, Change] = {
    "as it is": lambda pan, gt: (pan, gt),
    "PAN moved by 0.5 pixel": _moved,
    "one band brighter by 10 %": _brighter_band,
    "PAN brighter by 10 %": _brighter_pan,
}
NOISES: dict[str, Noise] = {"noise of 1 %": (0.01, 0.01), "noise of 2 %": (0.02, 0.02)}


def main(arguments: Sequence[str]) -> None:
    """Prints the table."""
    options = _parse(arguments)
    checkpoint = load_checkpoint(zoo.locate(options.model))
    found: dict[tuple[str, str], list[float]] = {}
    for record, scene in model_scenes(checkpoint, options):
        for name, changed in _all_changed(scene, sensors.get(record.sensor), checkpoint):
            for method, value in _scores(changed, sensors.get(record.sensor), checkpoint, options):
                found.setdefault((name, method), []).append(value)
    _print(found)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = scene_parser(__doc__, split="test")
    parser.add_argument("--model", default="bgrn")
    parser.add_argument("--consistency", type=int, default=0)
    parser.set_defaults(steps=1, sampler="ddim", samples=1)
    return parser.parse_args(arguments)


def _all_changed(
    scene: WaldScene, sensor: sensors.Sensor, checkpoint: Checkpoint
) -> Iterator[tuple[str, WaldScene]]:
    for name, change in CHANGES.items():
        yield name, _changed(scene, change, sensor, checkpoint)
    plain = _changed(scene, CHANGES["as it is"], sensor, checkpoint)
    for name, (pan, ms) in NOISES.items():
        yield name, plain.with_noise(pan=pan, ms=ms, prior=checkpoint.prior, seed=1)


def _changed(
    scene: WaldScene, change: Change, sensor: sensors.Sensor, checkpoint: Checkpoint
) -> WaldScene:
    pan, gt = change(pan_of(scene), scene.denormalise(scene.gt))
    gains = sensor.gains(len(gt), checkpoint.bands)
    degradation = Degradation(gains=gains, ratio=checkpoint.ratio, prior=checkpoint.prior)
    return from_reference(scene.name, degradation, pan=pan, gt=gt, valid=scene.valid)


def _scores(
    scene: WaldScene, sensor: sensors.Sensor, checkpoint: Checkpoint, options: argparse.Namespace
) -> list[tuple[str, float]]:
    ratio = checkpoint.ratio
    rows = [("ssdiff", score(scene, network_image(scene, checkpoint, sensor, options)).ergas)]
    means = torch.tensor(scene.means[:-1])[:, None, None]
    for method in METHODS[1:]:
        fused = classical_image(method, scene, sensor=sensor, ratio=ratio, phase=(ratio - 1) / 2)
        rows.append((method, score(scene, fused / means - 1).ergas))
    return rows


def _print(found: dict[tuple[str, str], list[float]]) -> None:
    names, methods = [*CHANGES, *NOISES], dict.fromkeys(method for _, method in found)
    sys.stdout.write("| method | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1) + "\n")
    for method in methods:
        plain = fmean(found["as it is", method])
        costs = [f"{fmean(found[name, method]) / plain - 1:+.1%}" for name in names[1:]]
        sys.stdout.write(f"| {method} | {plain:.3f} | " + " | ".join(costs) + " |\n")


if __name__ == "__main__":
    main(sys.argv[1:])
