"""Training scenes from the patches of one file, which have one radiometry in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from ssdiff_models.fusion.prior import measure_set
from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.upsample import shift_image, upsample_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.training.wald_scene import Degradation, WaldScene, check_means

__all__ = ["PatchSet", "sample_patches"]

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
    degradation: Degradation
    sensor: str

    def shift(self) -> Shift:
        """Returns the median shift of the PAN against the reference over a sample, PAN pixels."""
        found = [
            estimate_shift(self.pan[index], self.gt[index], 1, first=(0.0, 0.0))
            for index in sample_patches(len(self.names))
            if float(self.pan[index].std()) > 0
        ]
        if not found:
            return Shift(rows=0.0, cols=0.0, correlation=0.0)
        return Shift(
            rows=median(shift.rows for shift in found),
            cols=median(shift.cols for shift in found),
            correlation=median(shift.correlation for shift in found),
            error=median(shift.error for shift in found),
        )

    def registered(self, shift: Shift) -> "PatchSet":
        """Returns the set with a shift of the PAN corrected."""
        pans = [shift_image(image, (shift.rows, shift.cols)) for image in self.pan]
        return replace(self, pan=torch.stack(pans))

    def stray_share(self, ms: Tensor, indexes: Sequence[int]) -> float:
        """Returns the share of MS patches, 0..1, that are not their degraded reference.

        The reference is degraded at phase ``ratio/2`` with the sensor's MTF; 1 % of the mean
        (root mean square) is the largest difference of the same image.

        Args:
            ms: ``(len(indexes), bands, rows, cols)`` in DN, as the file has it.
            indexes: The patches that they belong to.
        """
        gains = self.degradation.gains
        ratio = self.degradation.ratio
        stray = 0
        for own, index in zip(ms.double(), indexes, strict=True):
            made = reduce_ms(self.gt[index].double(), gains, ratio, ratio / 2)
            difference = (own - made).square().mean().sqrt()
            stray += bool(difference / made.mean().clamp(min=1e-9) > 0.01)
        return stray / max(len(indexes), 1)

    def scenes(self) -> Iterator[WaldScene]:
        """Degrades every patch by Wald's protocol; means and prior are those of all patches.

        The MS is made of the reference, at the phase of aligned grids, ``(ratio-1)/2``: the MS of
        such files lies at ``ratio/2`` or, in part of QuickBird's, elsewhere, and moving a decimated
        image to another phase is not exact.

        Raises:
            InputError: When a band has no content.
        """
        means = [*self.gt.double().mean((0, 2, 3)).tolist(), float(self.pan.double().mean())]
        check_means(self.names[0], means)
        scale = torch.tensor(means)[:, None, None]
        ratio = self.degradation.ratio
        grid = ModelGrid.aligned(ratio)

        def degraded(index: int) -> tuple[Tensor, Tensor, Tensor]:
            gt = self.gt[index] / scale[:-1] - 1
            pan = self.pan[index][None] / scale[-1:] - 1
            ms = reduce_ms(gt.double(), self.degradation.gains, ratio, grid.phase).float()
            return gt, pan, ms

        ratio_prior = None
        if self.degradation.prior != "lms":
            some = [degraded(index) for index in sample_patches(len(self.names))]
            images = [(pan[0] + 1, ms + 1) for _, pan, ms in some]
            ratio_prior = measure_set(images, ratio=ratio, phase=grid.phase)
        for index, name in enumerate(self.names):
            gt, pan, ms = degraded(index)
            lms = upsample_image(ms, ratio, grid.phase)
            yield WaldScene(
                name=name,
                gt=gt,
                pan=pan,
                lms=lms,
                prior=lms if ratio_prior is None else ratio_prior.image(lms + 1, pan + 1) - 1,
                ms=ms,
                valid=torch.ones(gt.shape[-2:], dtype=torch.bool),
                means=tuple(means),
                sensor=self.sensor,
            )


def sample_patches(count: int, size: int = SAMPLE) -> Sequence[int]:
    """Returns at most `size` of `count` indexes, evenly spread."""
    return range(count) if count <= size else [index * count // size for index in range(size)]
