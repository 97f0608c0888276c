"""Training scenes from small patches of a few large scenes, as PanCollection's files hold them: they have one radiometry in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.fusion.prior import measure_set
from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.upsample import shift_image, upsample_image
from ssdiff_models.training.wald_scene import WaldScene

__all__ = [
    "PatchSet",
    "augmented",
    "from_patches",
    "patches_shift",
    "sample_patches",
    "stray_patches",
]

SAMPLE = 64
"""Patches that the shift, the prior and the check of the MS are taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSet:
    """Patches of one sensor in DN; the reference lies on the PAN's grid."""

    names: tuple[str, ...]
    gt: Tensor
    """``(patches, bands, rows, cols)``, float32."""
    pan: Tensor
    """``(patches, rows, cols)``, float32."""
    gains: tuple[float, ...]
    """MTF gain of each band at Nyquist."""
    ratio: int
    sensor: str


def from_patches(patches: PatchSet, *, prior: PriorName) -> Iterator[WaldScene]:
    """Degrades every patch by Wald's protocol; means and prior are those of all patches together.

    The MS is made anew from the reference, at the phase of aligned grids, ``(ratio-1)/2``: what such files bring along lies at ``ratio/2``
    or, in part of QuickBird's, elsewhere, and moving a decimated image to another phase is not exact.

    Raises:
        InputError: When a band has no content.
    """
    means = [*patches.gt.double().mean((0, 2, 3)).tolist(), float(patches.pan.double().mean())]
    if min(means) <= 0:
        raise InputError(
            f"{patches.names[0]}: a band's mean is {min(means):g}; training needs positive values (DN or reflectance)"
        )
    scale = torch.tensor(means)[:, None, None]
    ratio, phase = patches.ratio, (patches.ratio - 1) / 2

    def degraded(index: int) -> tuple[Tensor, Tensor, Tensor]:
        gt, pan = patches.gt[index] / scale[:-1] - 1, patches.pan[index][None] / scale[-1:] - 1
        return gt, pan, reduce_ms(gt.double(), patches.gains, ratio, phase).float()

    some = (
        []
        if prior == "lms"
        else [degraded(index)[1:] for index in sample_patches(len(patches.names))]
    )
    numbers = (
        measure_set([(pan[0] + 1, ms + 1) for pan, ms in some], ratio=ratio, phase=phase)
        if some
        else None
    )
    for index, name in enumerate(patches.names):
        gt, pan, ms = degraded(index)
        lms = upsample_image(ms, ratio, phase)
        yield WaldScene(
            name=name,
            gt=gt,
            pan=pan,
            lms=lms,
            prior=lms if numbers is None else numbers.image(lms + 1, pan + 1) - 1,
            ms=ms,
            valid=torch.ones(gt.shape[-2:], dtype=torch.bool),
            means=tuple(means),
            sensor=patches.sensor,
        )


def sample_patches(count: int, size: int = SAMPLE) -> Sequence[int]:
    """Returns at most `size` of `count` indexes, evenly spread."""
    return range(count) if count <= size else [index * count // size for index in range(size)]


def patches_shift(patches: PatchSet) -> Shift:
    """Returns the median shift of the PAN against the reference over a sample of the patches, in PAN pixels."""
    found = [
        estimate_shift(patches.pan[index], patches.gt[index], 1, first=(0.0, 0.0))
        for index in sample_patches(len(patches.names))
        if float(patches.pan[index].std()) > 0
    ]
    if not found:
        return Shift(rows=0.0, cols=0.0, correlation=0.0)
    return Shift(
        rows=median(shift.rows for shift in found),
        cols=median(shift.cols for shift in found),
        correlation=median(shift.correlation for shift in found),
        error=median(shift.error for shift in found),
    )


def augmented(pan: Tensor, shift: Shift) -> Tensor:
    """Returns the PANs ``(patches, rows, cols)`` with the shift taken away."""
    return torch.stack([shift_image(image, (shift.rows, shift.cols)) for image in pan])


def stray_patches(patches: PatchSet, ms: Tensor, indexes: Sequence[int]) -> float:
    """Tells which part of some patches has an MS that is not its reference, degraded at phase ``ratio/2`` with the sensor's MTF.

    Args:
        patches: The set.
        ms: ``(len(indexes), bands, rows, cols)`` in DN, as the file has it.
        indexes: Which patches they belong to.

    Returns:
        The share, 0..1, of those that differ by more than 1 % of their band's mean (root mean square).
    """
    stray = 0
    for own, index in zip(ms.double(), indexes, strict=True):
        made = reduce_ms(
            patches.gt[index].double(), patches.gains, patches.ratio, patches.ratio / 2
        )
        stray += bool(((own - made).square().mean().sqrt() / made.mean().clamp(min=1e-9)) > 0.01)
    return stray / max(len(indexes), 1)
