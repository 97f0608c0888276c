"""Trains networks of other shapes for the same CPU time each, and scores them at reduced and at full resolution.

Usage: ``python -m benchmarks.architecture CACHE FOLDER OUT [--seconds 300] [--seed 1]... [--only NAME]...``

CACHE is what `ssdiff train` makes of its data; the full-resolution pairs come from FOLDER; models are written to OUT.
Columns: steps done, seconds of a tile of 288 pixels on one thread, SAM and ERGAS on the cache's validation scenes, and for each
full-resolution pair gain and correlation of the detail (`benchmarks.detail`).
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.detail import figures, full_resolution_folders, fused_images
from ssdiff_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.training.batches import BatchSampler
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.loop import Trainer
from ssdiff_models.training.scene_cache import SceneSet, load_scenes
from ssdiff_models.training.validation import errors, fuse_scene

SHAPES = {
    "at full resolution, 32": SSDiffConfig(bands=4, window=16),
    "squares of 2, 32": SSDiffConfig(bands=4, window=16, unshuffle=2),
    "squares of 2, 48": SSDiffConfig(bands=4, window=16, unshuffle=2, dim=48),
}
TIMED = 20
"""Steps that tell how many the time allows."""
TILE = 288
PAIRS = ("gaofen2/ucgan-fr-3", "quickbird/wuda01-r1c3", "worldview2/sn6-rotterdam-1")


def main(arguments: Sequence[str]) -> None:
    """Prints a row a network and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--only", action="append")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    scenes = load_scenes(options.cache)
    options.out.mkdir(exist_ok=True)
    for seed in options.seed or [1, 2]:
        for name in options.only or SHAPES:
            config = TrainingConfig(
                steps=TIMED, batch=6, size=48, warmup=50, seed=seed, from_zero=0.5
            )
            second = _seconds_a_step(SHAPES[name], config, scenes)
            steps = int(options.seconds / second)
            config = replace(config, steps=steps, decay=steps // 3)
            path = options.out / f"{name}-{seed}.safetensors".replace(" ", "-").replace(",", "")
            _save(_trained(SHAPES[name], config, scenes), scenes, path)
            cells = [name, str(seed), str(steps), *_figures(path, scenes, options.folder)]
            print("|", " | ".join(cells), "|", flush=True)


def _trained(shape: SSDiffConfig, config: TrainingConfig, scenes: SceneSet) -> Network:
    torch.manual_seed(config.seed)
    trainer = Trainer(SSDiff(shape), config)
    for _ in trainer.run(BatchSampler(scenes.train, config)):
        pass
    return trainer.average


def _seconds_a_step(shape: SSDiffConfig, config: TrainingConfig, scenes: SceneSet) -> float:
    started = time.process_time()
    _trained(shape, config, scenes)
    return (time.process_time() - started) / TIMED


def _save(network: Network, scenes: SceneSet, path: Path) -> None:
    data = scenes.settings["data"]
    model = Checkpoint(network=network, bands=tuple(data["bands"]), ratio=4, prior=data["prior"])
    save_checkpoint(path, model)


def _figures(path: Path, scenes: SceneSet, folder: Path) -> Iterator[str]:

    model = load_checkpoint(path)
    yield f"{_tile_seconds(model):.3f}"
    found = [errors(scene, fuse_scene(model, scene)) for scene in scenes.validation]
    sam, ergas = (fmean(column) for column in zip(*found, strict=True))
    yield f"{sam:.3f} / {ergas:.3f}"
    for pair in full_resolution_folders(folder, "val", PAIRS):
        gain, corr, _ = figures(*fused_images(pair, ("--model", str(path))))
        yield f"{gain:.2f} / {corr:.3f}"


@torch.inference_mode()
def _tile_seconds(model: Checkpoint) -> float:
    network = model.network.prepared()
    bands, ratio = model.band_count, model.ratio
    call = {
        "lms": torch.randn(1, bands, TILE, TILE),
        "pan": torch.randn(1, 1, TILE, TILE),
        "ms": torch.randn(1, bands, TILE // ratio, TILE // ratio),
        "x_t": torch.zeros(1, bands, TILE, TILE),
        "t": torch.tensor([model.schedule.steps - 1]),
    }
    times = []
    for _ in range(3):
        started = time.process_time()
        network(**call)
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main(sys.argv[1:])
