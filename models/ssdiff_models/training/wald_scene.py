"""A training scene: a PAN/MS pair degraded by Wald's protocol, with its sub-pixel geometry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.fusion.prior import measure_images
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import upsample_image
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["Degradation", "WaldScene", "check_means", "from_pair", "from_reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """How a reference becomes the inputs of a network."""

    gains: tuple[float, ...]
    """MTF gain of each band at Nyquist."""
    ratio: int
    """PAN pixels per MS pixel."""
    prior: PriorName = "lms"
    """What the network corrects."""


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

    @property
    def ratio(self) -> int:
        """PAN pixels per MS pixel."""
        return int(self.gt.shape[-2] // self.ms.shape[-2])

    @property
    def grid(self) -> ModelGrid:
        """How the MS grid lies on the PAN's."""
        return ModelGrid.aligned(self.ratio)

    def denormalise(self, image: Tensor) -> Tensor:
        """Returns ``(bands, rows, cols)`` in DN."""
        return (image + 1) * torch.tensor(self.means[:-1], dtype=image.dtype)[:, None, None]

    def with_noise(self, *, pan: float, ms: float, prior: PriorName, seed: int) -> "WaldScene":
        """Returns the scene with white Gaussian noise in PAN and MS; its reference has none.

        Args:
            pan: Standard deviation in the PAN, as a part of its mean.
            ms: The same of each band of the MS.
            prior: What the network corrects; it is made of the noisy images.
            seed: Of the noise.
        """
        generator = torch.Generator().manual_seed(seed)
        sharp = self.pan + pan * torch.randn(self.pan.shape, generator=generator)
        coarse = self.ms + ms * torch.randn(self.ms.shape, generator=generator)
        lms = upsample_image(coarse, self.grid.ratio, self.grid.phase)
        image = _prior_image(prior, pan=sharp, ms=coarse, lms=lms, valid=self.valid)
        return replace(self, pan=sharp, ms=coarse, lms=lms, prior=image)


def from_pair(
    name: str,
    degradation: Degradation,
    *,
    pan: Tensor,
    ms: Tensor,
    first: tuple[float, float],
    valid: Tensor | None = None,
) -> WaldScene:
    """Degrades a full-resolution pair: the MS becomes the reference.

    Args:
        name: What messages call the scene.
        degradation: The sensor's.
        pan: ``(rows, cols)`` in DN.
        ms: ``(bands, rows, cols)`` in DN.
        first: PAN index of the centre of MS pixel (0, 0).
        valid: ``(rows, cols)`` of the MS grid.

    Raises:
        InputError: As `from_reference`.
    """
    shape = (ms.shape[1], ms.shape[2])
    reduced = reduce_pan(pan, degradation.ratio, first=first, shape=shape)
    return from_reference(name, degradation, pan=reduced, gt=ms, valid=valid)


def from_reference(
    name: str,
    degradation: Degradation,
    *,
    pan: Tensor,
    gt: Tensor,
    valid: Tensor | None = None,
) -> WaldScene:
    """Degrades a reference on the PAN's grid to an MS on the aligned grid.

    Raises:
        InputError: When the scene has no valid pixel, or a band without content.
    """
    ratio = degradation.ratio
    grid = ModelGrid.aligned(ratio)
    rows, cols = (size // ratio * ratio for size in gt.shape[-2:])
    images = torch.cat([gt[:, :rows, :cols].float(), pan[None, :rows, :cols].float()])
    valid = torch.ones(rows, cols, dtype=torch.bool) if valid is None else valid[:rows, :cols]
    if not bool(valid.any()):
        raise InputError(f"{name}: no valid pixel to train on")
    means = tuple(float(band[valid].double().mean()) for band in images)
    check_means(name, means)
    normal = torch.where(valid, images / torch.tensor(means)[:, None, None] - 1, 0.0)
    ms = reduce_ms(normal[:-1].double(), degradation.gains, ratio, grid.phase).float()
    lms = upsample_image(ms, ratio, grid.phase)
    clear = _clear(valid, ratio)
    prior = _prior_image(degradation.prior, pan=normal[-1:], ms=ms, lms=lms, valid=clear)
    return WaldScene(
        name=name,
        gt=normal[:-1],
        pan=normal[-1:],
        lms=lms,
        prior=prior,
        ms=ms,
        valid=clear,
        means=means,
    )


def check_means(name: str, means: Sequence[float]) -> None:
    """Checks the means of a scene's bands.

    Raises:
        InputError: When one is not positive.
    """
    if min(means) <= 0:
        raise InputError(
            f"{name}: a band's mean is {min(means):g}; "
            "training needs positive values (DN or reflectance)"
        )


def _prior_image(
    prior: PriorName, *, pan: Tensor, ms: Tensor, lms: Tensor, valid: Tensor
) -> Tensor:
    if prior == "lms" or not bool(valid.any()):
        return lms
    grid = ModelGrid.aligned(pan.shape[-1] // ms.shape[-1])
    # In units of the bands' means a ratio is what it is in DN.
    ratio_prior = measure_images(
        pan[0] + 1, ms + 1, valid.numpy(), ratio=grid.ratio, phase=grid.phase
    )
    return ratio_prior.image(lms + 1, pan + 1) - 1


def _clear(valid: Tensor, ratio: int) -> Tensor:
    """Returns the pixels with no invalid one within four MS pixels: filled ones touch the LMS."""
    reach = 4 * ratio
    touched = max_pool2d((~valid).float()[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0]
    return touched == 0
