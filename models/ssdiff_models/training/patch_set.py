"""Training scenes from the patches of one file, which have one radiometry in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from ssdiff_models.fusion.prior import measure_images
from ssdiff_models.registration.estimate import Shift, estimate_shift
from ssdiff_models.resampling.upsample import shift_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.training.wald_scene import Degradation, WaldScene, positive

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
        shifts = []
        for index in sample_patches(len(self.names)):
            pan = self.pan[index]
            if float(pan.std()) > 0:
                shift = estimate_shift(pan, self.gt[index], 1, first=(0.0, 0.0))
                shifts.append(shift)
        if not shifts:
            return Shift(rows=0.0, cols=0.0, correlation=0.0)
        return Shift(
            rows=median(shift.rows for shift in shifts),
            cols=median(shift.cols for shift in shifts),
            correlation=median(shift.correlation for shift in shifts),
            error=median(shift.error for shift in shifts),
        )

    def registered(self, shift: Shift) -> "PatchSet":
        """Returns the set with a shift of the PAN corrected."""
        first = (shift.rows, shift.cols)
        pans = [shift_image(image, first) for image in self.pan]
        return replace(self, pan=torch.stack(pans))

    def scenes(self) -> Iterator[WaldScene]:
        """Degrades every patch by Wald's protocol; means and prior are those of all patches.

        The MS is made of the reference at the phase of aligned grids: the MS of such files lies
        at ``ratio/2`` or, in part of QuickBird's, elsewhere, and moving a decimated image to
        another phase is not exact.

        Raises:
            InputError: When a band has no content.
        """
        of_bands = self.gt.double().mean((0, 2, 3))
        of_pan = self.pan.double().mean()
        means = positive(self.names[0], [*of_bands.tolist(), float(of_pan)])
        scale = torch.tensor(means)[:, None, None]

        def degraded(index: int) -> WaldScene:
            pan = self.pan[index]
            images = torch.cat([self.gt[index], pan[None]])
            normal = images / scale - 1
            scene = WaldScene.degraded(self.names[index], normal, means, self.degradation)
            return replace(scene, sensor=self.sensor)

        prior = None
        if self.degradation.prior != "lms":
            grid = ModelGrid.aligned(self.degradation.ratio)
            sample = map(degraded, sample_patches(len(self.names)))
            images = [(one.pan[0] + 1, one.ms + 1, one.valid.numpy()) for one in sample]
            prior = measure_images(images, grid)
        for index in range(len(self.names)):
            scene = degraded(index)
            yield scene if prior is None else scene.with_prior(prior)


def sample_patches(count: int, size: int = SAMPLE) -> Sequence[int]:
    """Returns at most `size` of `count` indexes, evenly spread."""
    if count <= size:
        return range(count)
    return [index * count // size for index in range(size)]
