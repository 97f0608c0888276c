"""A training scene: a PAN/MS pair degraded by Wald's protocol, with its sub-pixel geometry."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.fusion.prior import RatioPrior, measure_images
from ssdiff_models.resampling.degrade import reduce_ms
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.training.pan_sharpness import match_sharpness

__all__ = ["Degradation", "WaldScene", "from_reference", "positive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """How a reference becomes the inputs of a network."""

    gains: tuple[float, ...]
    """MTF gain of each band at Nyquist."""
    ratio: int
    """PAN pixels per MS pixel."""
    prior: PriorName = "lms"
    """What the network corrects."""
    match_pan: bool = False
    """Whether the PAN is made as crisp as the reference (`match_sharpness`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldScene:
    """A scene at reduced resolution with its reference, in units of its bands' means minus 1."""

    name: str
    gt: Tensor
    """``(bands, rows, cols)``: the reference."""
    pan: Tensor
    """``(1, rows, cols)``."""
    lms: Tensor
    """``(bands, rows, cols)``: the interpolated MS."""
    prior: Tensor
    """``(bands, rows, cols)``: what the network corrects, the LMS or another prior image."""
    ms: Tensor
    """``(bands, rows/ratio, cols/ratio)``."""
    valid: Tensor
    """``(rows, cols)``: False where any input of a pixel is invalid."""
    means: tuple[float, ...]
    """Mean of each band in DN, then of the PAN: what undoes the normalisation."""
    sensor: str = ""
    """Short name; scenes are weighted by sensor in training."""

    @classmethod
    def degraded(
        cls, name: str, images: Tensor, means: tuple[float, ...], degradation: Degradation
    ) -> "WaldScene":
        """Degrades normalised images ``(bands + 1, rows, cols)``: a reference, then its PAN.

        The MS lies on the aligned grid; the prior is the LMS, whatever the degradation's is.
        """
        gt = images[:-1]
        grid = ModelGrid.aligned(degradation.ratio)
        reduced = reduce_ms(gt.double(), degradation.gains, grid.ratio, grid.phase)
        ms = reduced.float()
        lms = upsample_image(ms, grid.ratio, grid.phase)
        valid = torch.ones(gt.shape[-2:], dtype=torch.bool)
        pan = images[-1:]
        return cls(name=name, gt=gt, pan=pan, lms=lms, prior=lms, ms=ms, valid=valid, means=means)

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return int(self.gt.shape[-2] // self.ms.shape[-2])

    def denormalise(self, image: Tensor) -> Tensor:
        """Returns ``(bands, rows, cols)`` in DN."""
        means = torch.tensor(self.means[:-1], dtype=image.dtype)
        return (image + 1) * means[:, None, None]

    def with_prior(self, prior: RatioPrior) -> "WaldScene":
        """Returns the scene with a prior image of PAN and MS."""
        image = prior.image(self.lms + 1, self.pan + 1)
        return replace(self, prior=image - 1)

    def with_measured_prior(self, prior: PriorName) -> "WaldScene":
        """Returns the scene with a prior image that is measured on its valid pixels."""
        if prior == "lms" or not bool(self.valid.any()):
            return replace(self, prior=self.lms)
        grid = ModelGrid.aligned(self.ratio)
        # In units of the bands' means a ratio is what it is in DN.
        pan = self.pan[0] + 1
        ms = self.ms + 1
        measured = measure_images([(pan, ms, self.valid.numpy())], grid)
        return self.with_prior(measured)

    def with_noise(self, *, pan: float, ms: float, prior: PriorName, seed: int) -> "WaldScene":
        """Returns the scene with white Gaussian noise in PAN and MS; its reference has none.

        `pan` and `ms` are standard deviations, as parts of the means of PAN and bands.
        """
        generator = torch.Generator().manual_seed(seed)
        grid = ModelGrid.aligned(self.ratio)
        pan_noise = torch.randn(self.pan.shape, generator=generator)
        ms_noise = torch.randn(self.ms.shape, generator=generator)
        coarse = self.ms + ms * ms_noise
        lms = upsample_image(coarse, grid.ratio, grid.phase)
        noisy = replace(self, pan=self.pan + pan * pan_noise, ms=coarse, lms=lms)
        return noisy.with_measured_prior(prior)


def from_reference(
    name: str,
    degradation: Degradation,
    *,
    pan: Tensor,
    gt: Tensor,
    valid: Tensor | None = None,
) -> WaldScene:
    """Degrades a reference on the PAN's grid, and measures the prior.

    By Wald's protocol, the MS of a pair is the reference of its PAN, reduced to the MS grid.

    Args:
        name: For messages.
        degradation: Of the reference.
        pan: ``(rows, cols)`` in DN.
        gt: ``(bands, rows, cols)`` in DN; a remainder of rows or columns is cut off.
        valid: ``(rows, cols)``.

    Raises:
        InputError: When the scene has no valid pixel, or a band without content.
    """
    ratio = degradation.ratio
    rows, cols = (size // ratio * ratio for size in gt.shape[-2:])
    gt = gt[:, :rows, :cols].float()
    pan = pan[None, :rows, :cols].float()
    if valid is None:
        valid = torch.ones_like(pan[0], dtype=torch.bool)
    valid = valid[:rows, :cols]
    if not bool(valid.any()):
        raise InputError(f"{name}: no valid pixel to train on")
    images = torch.cat([gt, pan])
    averages = [float(band[valid].double().mean()) for band in images]
    means = positive(name, averages)
    scale = torch.tensor(means)[:, None, None]
    normal = torch.where(valid, images / scale - 1, 0.0)
    far = _clear(valid, ratio)
    if degradation.match_pan:
        sharpened = match_sharpness(normal[-1], normal[:-1], far)
        normal[-1] = torch.where(valid, sharpened, 0.0)
    scene = WaldScene.degraded(name, normal, means, degradation)
    clear = replace(scene, valid=far)
    return clear.with_measured_prior(degradation.prior)


def positive(name: str, means: list[float]) -> tuple[float, ...]:
    """Returns the means of a scene's bands.

    Raises:
        InputError: When one is not positive.
    """
    if min(means) <= 0:
        raise InputError(
            f"{name}: a band's mean is {min(means):g}; "
            "training needs positive values (DN or reflectance)"
        )
    return tuple(means)


def _clear(valid: Tensor, ratio: int) -> Tensor:
    """Returns the pixels with no invalid one within four MS pixels: filled ones touch the LMS."""
    reach = 4 * ratio
    gaps = (~valid).float()[None]
    touched = max_pool2d(gaps, 2 * reach + 1, stride=1, padding=reach)
    return touched[0] == 0
