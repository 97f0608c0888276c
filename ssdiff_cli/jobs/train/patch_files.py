"""Training scenes from PanCollection's patch files: in DN, registered, with the MS made anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssdiff_cli.jobs.test_sets import Dataset, guess_sensor, open_dataset
from ssdiff_cli.jobs.train.pairs import check_shift, degradation_of
from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.training.patch_set import PatchSet, sample_patches
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["PatchFile", "describe_patch_file", "read_patches"]

VALIDATION = ("valid", "val", "test")
"""How the names of patch files that are not for training begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFile:
    """A file of patches in PanCollection's layout."""

    name: str
    """For messages."""
    files: tuple[str]
    """Its path."""
    sensor: str
    """Short name."""
    split: str
    ratio: int
    bands: tuple[str, ...]


def describe_patch_file(path: str, *, sensor: str | None, split: str | None) -> PatchFile:
    """Describes a file; its name tells the split where `split` is None.

    Raises:
        InputError: When it cannot be read or has no reference.
        UsageError: When its sensor is not known.
    """
    name = Path(path).name
    with open_dataset(path) as dataset:
        if not dataset.has_reference:
            raise InputError(
                f"{path}: has no gt: full-resolution images have no truth to train towards"
            )
        known = sensors.get(sensor) if sensor else guess_sensor(dataset)
        if known is None:
            names = ", ".join(one.name for one in sensors.SENSORS)
            raise UsageError(
                f"{path}: its sensor, and with it the full-scale value, is not known: "
                f"write {path}@SENSOR (known: {names})"
            )
        by_name = "val" if name.lower().startswith(VALIDATION) else "train"
        numbered = tuple(f"band{number}" for number in range(1, dataset.bands + 1))
        named = [bands for bands in (known.bands, sensors.BGRN) if len(bands) == dataset.bands]
        return PatchFile(
            name=name,
            files=(path,),
            sensor=known.name,
            split=split or by_name,
            ratio=dataset.ratio,
            bands=named[0] if named else numbered,
        )


def read_patches(
    file: PatchFile, bands: Sequence[int], *, prior: PriorName, limit: int
) -> Iterator[WaldScene]:
    """Yields the scenes of a file.

    Args:
        file: The file.
        bands: Indexes of the bands wanted.
        prior: What the network corrects.
        limit: Most patches, evenly spread; 0: all.

    Raises:
        InputError: When it cannot be read, has values out of range, or a shift too large.
    """
    names = [file.bands[band] for band in bands]
    with open_dataset(file.files[0]) as dataset:
        indexes = sample_patches(dataset.count, limit or dataset.count)
        factor = _factor(dataset, file)

        def images(array: str, indexes: Sequence[int], bands: Sequence[int]) -> Tensor:
            read = [dataset.read(array, index)[list(bands)] for index in indexes]
            return torch.stack([torch.from_numpy(one.astype(np.float32)) for one in read]) * factor

        patches = PatchSet(
            names=tuple(f"{file.name}#{index}" for index in indexes),
            gt=images("gt", indexes, bands),
            pan=images("pan", indexes, [0])[:, 0],
            degradation=degradation_of(file.sensor, names, file.ratio, prior),
            sensor=file.sensor,
        )
    shift = patches.shift()
    check_shift(file.name, shift)
    yield from patches.registered(shift).scenes()


def _factor(dataset: Dataset, file: PatchFile) -> float:
    """Returns 1 for DN, or the full-scale value where the file's values are from 0 to 1."""
    full_scale = sensors.get(file.sensor).full_scale
    sample = sample_patches(dataset.count, 16)
    largest = max(float(dataset.read("gt", index).max()) for index in sample)
    if largest > 1.5 * full_scale:
        raise InputError(
            f"{dataset.path}: has values up to {largest:g}, {file.sensor} has at most "
            f"{full_scale:g}: name its sensor, as {dataset.path}@SENSOR"
        )
    return full_scale if largest <= 1.0 else 1.0
