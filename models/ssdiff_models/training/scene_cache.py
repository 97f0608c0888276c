"""Training scenes in one compact safetensors file, so that they are made once.

Images are 16-bit codes: each band of a scene has its own range, and a code is 1/65535 of it, far
below the noise of any sensor. Patches of one file share their ranges. The LMS is not stored: it is
the interpolated MS.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from ssdiff_models.documents import parsed_json
from ssdiff_models.errors import InputError, ResourceError
from ssdiff_models.files import atomic
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["SceneSet", "load_scenes", "read_cached_settings", "save_scenes"]

SCHEMA = 1
KEY = "ssdiff-scenes"
CODES = 65535
IMAGES = ("gt", "pan", "ms", "prior")
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSet:
    """The data of a training."""

    train: tuple[WaldScene, ...]
    validation: tuple[WaldScene, ...]
    settings: Mapping[str, Any]
    """The sources and how they were degraded: plain JSON."""


def save_scenes(path: Path, scenes: SceneSet) -> None:
    """Writes a set, atomically.

    Raises:
        ResourceError: When the file cannot be written.
    """
    arrays: Arrays = {}
    stacks: list[dict[str, Any]] = []
    for split, members in (("train", scenes.train), ("validation", scenes.validation)):
        for _, alike in groupby(members, key=_traits):
            prefix = f"{len(stacks)}."
            packed = _pack([*alike], prefix, arrays)
            stacks.append({"split": split} | packed)
    header = {"schema": SCHEMA, "settings": dict(scenes.settings), "stacks": stacks}
    try:
        with atomic(path) as part:
            save_file(arrays, part, metadata={KEY: json.dumps(header)})
    except (OSError, SafetensorError) as error:
        size = sum(array.nbytes for array in arrays.values()) / 1e6
        raise ResourceError(
            f"{path}: cannot write the cache of {size:.0f} MB ({error}): "
            "free some space or name another place with --cache"
        ) from error


def _traits(scene: WaldScene) -> tuple[object, ...]:
    """Returns what the scenes of a stack have in common, as the patches of one file do."""
    same_prior = scene.prior is scene.lms
    return scene.sensor, scene.means, scene.gt.shape, scene.ms.shape, same_prior


def _pack(scenes: Sequence[WaldScene], prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Puts a stack's codes into `arrays` and returns its part of the header."""
    first = scenes[0]
    ranges = {}
    for image in IMAGES if first.prior is not first.lms else IMAGES[:-1]:
        stack = torch.stack([getattr(scene, image) for scene in scenes])
        limits, codes = _encode(stack)
        ranges[image] = limits
        arrays[prefix + image] = codes
    valid = torch.stack([scene.valid for scene in scenes])
    if not bool(valid.all()):
        arrays[prefix + "valid"] = valid.numpy().astype(np.uint8)
    names = [scene.name for scene in scenes]
    return {"names": names, "sensor": first.sensor, "means": list(first.means), "ranges": ranges}


def _encode(stack: Tensor) -> tuple[list[list[float]], npt.NDArray[np.uint16]]:
    """Returns the lowest and highest value of each band, and codes ``(scenes, bands, r, c)``."""
    codes = np.empty(tuple(stack.shape), np.uint16)
    ranges = []
    for band in range(stack.shape[1]):
        values = stack[:, band].double().numpy()
        low = float(values.min())
        high = float(values.max())
        scale = CODES / (high - low) if high > low else 0.0
        codes[:, band] = np.rint((values - low) * scale)
        ranges.append([low, high])
    return ranges, codes


def _decode(codes: npt.NDArray[np.uint16], ranges: Sequence[Sequence[float]]) -> Tensor:
    values = np.empty(codes.shape, np.float32)
    for band, (low, high) in enumerate(ranges):
        step = (high - low) / CODES
        values[:, band] = low + codes[:, band] * step
    return torch.from_numpy(values)


def read_cached_settings(path: Path) -> dict[str, Any]:
    """Returns the `SceneSet.settings` of a file.

    Raises:
        InputError: When the file is missing or no such cache.
    """
    settings: dict[str, Any] = _header(path)["settings"]
    return settings


def load_scenes(path: Path) -> SceneSet:
    """Reads a set.

    Raises:
        InputError: When the file is missing or no such cache.
    """
    header = _header(path)
    scenes: dict[str, list[WaldScene]] = {"train": [], "validation": []}
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = set(file.keys())
            for number, stack in enumerate(header["stacks"]):
                stored = [image for image in (*IMAGES, "valid") if f"{number}.{image}" in names]
                arrays = {image: file.get_tensor(f"{number}.{image}") for image in stored}
                scenes[stack["split"]].extend(_unpack(stack, arrays))
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: a damaged cache ({type(error).__name__}: {error}): remove it and make it anew"
        ) from error
    return SceneSet(
        train=tuple(scenes["train"]),
        validation=tuple(scenes["validation"]),
        settings=header["settings"],
    )


def _unpack(stack: Mapping[str, Any], arrays: Arrays) -> Iterator[WaldScene]:
    images = {image: _decode(arrays[image], ranges) for image, ranges in stack["ranges"].items()}
    count, _, rows, cols = images["gt"].shape
    _, _, height, _ = images["ms"].shape
    everything = np.ones((count, rows, cols))
    valid = torch.from_numpy(arrays.get("valid", everything) > 0)
    grid = ModelGrid.aligned(rows // height)
    for index, name in enumerate(stack["names"]):
        own = {image: members[index] for image, members in images.items()}
        lms = upsample_image(own["ms"], grid.ratio, grid.phase)
        yield WaldScene(
            name=name,
            lms=lms,
            valid=valid[index],
            means=tuple(stack["means"]),
            sensor=stack["sensor"],
            **({"prior": lms} | own),
        )


def _header(path: Path) -> dict[str, Any]:
    reason: object = "of another version"
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            header = parsed_json(metadata.get(KEY, "null"))
        if isinstance(header, dict) and header.get("schema") == SCHEMA:
            return header
    except (SafetensorError, OSError, ValueError) as error:
        reason = error
    raise InputError(
        f"{path}: not a cache of training scenes ({reason}): "
        "give the sources to make one, or name another file with --cache"
    )
