"""What is shared by the measurements on a folder of real pairs: its scenes at reduced resolution, and classical images of them."""

import argparse
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ssdiff_cli.jobs.train.pairs import PairRecord, band_indexes, read_index, read_scene
from ssdiff_models.checkpoint import Checkpoint, PriorName
from ssdiff_models.classical import fuse
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["classical_image", "model_scenes", "pan_of", "scene_parser", "split_scenes"]


def scene_parser(
    description: str | None, *, split: str | None, without: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """Returns a parser of what chooses the scenes: the folder, the split unless it is None, and sensors to leave out."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    if split is not None:
        parser.add_argument("--split", default=split)
    parser.add_argument("--without", action="append", default=[*without])
    return parser


def split_scenes(
    folder: Path,
    *,
    split: str,
    bands: Sequence[str],
    ratio: int,
    prior: PriorName,
    without: Collection[str],
) -> Iterator[tuple[PairRecord, WaldScene]]:
    """Yields the scenes of a split that have the bands; those that cannot be read are told on stderr."""
    for record in read_index(folder):
        usable = record.ratio == ratio and band_indexes(record.bands, bands)
        if record.split != split or record.sensor in without or not usable:
            continue
        try:
            scene = read_scene(record, bands, prior)
        except InputError as error:
            sys.stderr.write(f"left out: {error}\n")
            continue
        yield record, scene


def model_scenes(
    checkpoint: Checkpoint, options: argparse.Namespace
) -> Iterator[tuple[PairRecord, WaldScene]]:
    """Yields the scenes that suit a model, as the options of `scene_parser` choose them."""
    bands, ratio, prior = checkpoint.bands or (), checkpoint.ratio, checkpoint.prior
    yield from split_scenes(
        options.folder,
        split=options.split,
        bands=bands,
        ratio=ratio,
        prior=prior,
        without=options.without,
    )


def pan_of(scene: WaldScene) -> Tensor:
    """Returns the PAN in DN, ``(rows, cols)``."""
    return (scene.pan[0] + 1) * scene.means[-1]


def classical_image(
    method: str, scene: WaldScene, *, sensor: Sensor, ratio: int, phase: float
) -> Tensor:
    """Returns what a classical method makes of a scene, ``(bands, rows, cols)`` in DN."""
    pan, ms, lms = (
        image.numpy()
        for image in (pan_of(scene), scene.denormalise(scene.ms), scene.denormalise(scene.lms))
    )
    fused = fuse(method, pan=pan, ms=ms, lms=lms, sensor=sensor, ratio=ratio, phase=phase)
    return torch.as_tensor(fused).float()
