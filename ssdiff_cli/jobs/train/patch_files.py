"""Patches out of PanCollection's files: values in DN, PAN and reference registered, the MS made anew."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ssdiff_cli.jobs.test_sets import Dataset, open_dataset
from ssdiff_cli.jobs.train.pairs import LARGEST_SHIFT
from ssdiff_cli.jobs.train.sources import PatchFile
from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.scene import sensors
from ssdiff_models.training.patch_set import (
    PatchSet,
    augmented,
    from_patches,
    patches_shift,
    sample_patches,
    stray_patches,
)
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["read_patches"]

STRAY = 0.05
"""Part of the patches whose MS may differ from the degraded reference without a word."""
_log = logging.getLogger(__name__)


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
        InputError: When it cannot be read, has values out of range, or PAN and reference lie too far apart.
    """
    with open_dataset(file.path) as dataset:
        indexes = sample_patches(dataset.count, limit or dataset.count)
        factor = _factor(dataset, file)
        patches = _read(dataset, file, bands, indexes, factor)
        checked = sample_patches(len(indexes))
        ms = (
            torch.stack([_image(dataset, "ms", indexes[place], bands) for place in checked])
            * factor
        )
    stray = stray_patches(patches, ms, checked)
    told = "%s: %.0f %% of its MS patches are not the reference seen through the MTF of %s at phase ratio/2; all are made anew"
    _log.log(
        logging.WARNING if stray > STRAY else logging.INFO,
        told,
        file.name,
        100 * stray,
        file.sensor,
    )
    yield from from_patches(_registered(patches, file), prior=prior)


def _factor(dataset: Dataset, file: PatchFile) -> float:
    """Returns what makes DN of the file's values: 1, or the full-scale value where they are from 0 to 1."""
    full_scale = sensors.get(file.sensor).full_scale
    largest = max(
        float(dataset.read["gt"](index).max()) for index in sample_patches(dataset.count, 16)
    )
    if largest > 1.5 * full_scale:
        raise InputError(
            f"{file.path}: has values up to {largest:g}, {file.sensor} has at most {full_scale:g}: name its sensor, as {file.path}@SENSOR"
        )
    return full_scale if largest <= 1.0 else 1.0


def _read(
    dataset: Dataset, file: PatchFile, bands: Sequence[int], indexes: Sequence[int], factor: float
) -> PatchSet:
    sensor = sensors.get(file.sensor)
    names = tuple(file.bands[band] for band in bands)
    return PatchSet(
        names=tuple(f"{file.name}#{index}" for index in indexes),
        gt=torch.stack([_image(dataset, "gt", index, bands) for index in indexes]) * factor,
        pan=torch.stack([_image(dataset, "pan", index, [0])[0] for index in indexes]) * factor,
        gains=sensor.gains(len(names), names),
        ratio=dataset.ratio,
        sensor=sensor.name,
    )


def _image(dataset: Dataset, name: str, index: int, bands: Sequence[int]) -> Tensor:
    return torch.from_numpy(dataset.read[name](index)[list(bands)].astype(np.float32))


def _registered(patches: PatchSet, file: PatchFile) -> PatchSet:
    shift = patches_shift(patches)
    _log.info(
        "%s: PAN and reference are %+.3f rows, %+.3f columns (PAN pixels, +-%.3f) apart, correlation %.3f (median of patches)",
        file.name, shift.rows, shift.cols, shift.error, shift.correlation,
    )  # fmt: skip
    if not (abs(shift.rows) <= LARGEST_SHIFT and abs(shift.cols) <= LARGEST_SHIFT):
        raise InputError(
            f"{file.path}: PAN and reference are {shift.rows:.2f} rows, {shift.cols:.2f} columns apart, over {LARGEST_SHIFT:g}: "
            "register them first"
        )
    return replace(patches, pan=augmented(patches.pan, shift))
