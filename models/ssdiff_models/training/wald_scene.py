"""One training scene from a PAN/MS pair by Wald's protocol, with the pair's exact sub-pixel geometry."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.errors import InputError
from ssdiff_models.fusion.prior import measure_images
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import upsample_image

__all__ = ["WaldScene", "from_pair", "from_reference", "noisy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldScene:
    """A scene at reduced resolution with its truth; every array in units of its band's mean over the scene, minus 1."""

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
    """Whose scenes it is one of, so that no sensor drowns the others in training."""

    def denormalise(self, image: Tensor) -> Tensor:
        """Returns ``(bands, rows, cols)`` in DN."""
        return (image + 1) * torch.tensor(self.means[:-1], dtype=image.dtype)[:, None, None]


def from_pair(  # noqa: PLR0913 - a pair is that much
    name: str,
    *,
    pan: Tensor,
    ms: Tensor,
    first: tuple[float, float],
    gains: tuple[float, ...],
    ratio: int,
    valid: Tensor | None = None,
    prior: PriorName = "lms",
) -> WaldScene:
    """Degrades a full-resolution pair: the MS becomes the reference.

    Args:
        name: What messages call the scene.
        pan: ``(rows, cols)`` in DN.
        ms: ``(bands, rows, cols)`` in DN.
        first: PAN index of the centre of MS pixel (0, 0).
        gains: MTF gain of each band at Nyquist.
        ratio: PAN pixels per MS pixel.
        valid: ``(rows, cols)`` of the MS grid.
        prior: What the network corrects.
    """
    reduced = reduce_pan(pan, ratio, first=first, shape=(ms.shape[1], ms.shape[2]))
    return from_reference(
        name, pan=reduced, gt=ms, gains=gains, ratio=ratio, valid=valid, prior=prior
    )


def from_reference(
    name: str,
    *,
    pan: Tensor,
    gt: Tensor,
    gains: tuple[float, ...],
    ratio: int,
    valid: Tensor | None = None,
    prior: PriorName = "lms",
) -> WaldScene:
    """Degrades a reference on the PAN's grid to the MS; the phase is that of aligned grids, ``(ratio-1)/2``.

    Raises:
        InputError: When the scene has no valid pixel, or a band without content.
    """
    rows, cols = (size // ratio * ratio for size in gt.shape[-2:])
    gt, pan = gt[:, :rows, :cols].float(), pan[:rows, :cols].float()
    valid = torch.ones(rows, cols, dtype=torch.bool) if valid is None else valid[:rows, :cols]
    if not bool(valid.any()):
        raise InputError(f"{name}: no valid pixel to train on")
    means = [float(band[valid].double().mean()) for band in (*gt, pan)]
    if min(means) <= 0:
        raise InputError(
            f"{name}: a band's mean is {min(means):g}; training needs positive values (DN or reflectance)"
        )
    scale = torch.tensor(means)[:, None, None]
    normal = torch.where(valid, torch.cat([gt, pan[None]]) / scale - 1, 0.0)
    phase = (ratio - 1) / 2
    ms = reduce_ms(normal[:-1].double(), gains, ratio, phase).float()
    lms, clear = upsample_image(ms, ratio, phase), _clear(valid, ratio)
    return WaldScene(
        name=name,
        gt=normal[:-1],
        pan=normal[-1:],
        lms=lms,
        prior=_prior_image(prior, pan=normal[-1:], ms=ms, lms=lms, valid=clear),
        ms=ms,
        valid=clear,
        means=tuple(means),
    )


def noisy(
    scene: WaldScene, *, pan: float, ms: float, ratio: int, prior: PriorName, seed: int
) -> WaldScene:
    """Returns a scene whose PAN and MS have white Gaussian noise; its reference has none.

    Args:
        scene: The scene without it.
        pan: Standard deviation in the PAN, as a part of its mean.
        ms: The same of each band of the MS.
        ratio: PAN pixels per MS pixel.
        prior: What the network corrects; it is made anew from the noisy images.
        seed: Of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    sharp, coarse = (
        image + sigma * torch.randn(image.shape, generator=generator)
        for image, sigma in ((scene.pan, pan), (scene.ms, ms))
    )
    lms = upsample_image(coarse, ratio, (ratio - 1) / 2)
    image = _prior_image(prior, pan=sharp, ms=coarse, lms=lms, valid=scene.valid)
    return replace(scene, pan=sharp, ms=coarse, lms=lms, prior=image)


def _prior_image(
    prior: PriorName, *, pan: Tensor, ms: Tensor, lms: Tensor, valid: Tensor
) -> Tensor:
    """Returns the prior image; a ratio's numbers come from valid pixels, in units of the bands' means, where it gives the same as in DN."""
    if prior == "lms" or not bool(valid.any()):
        return lms
    ratio = pan.shape[-1] // ms.shape[-1]
    numbers = measure_images(pan[0] + 1, ms + 1, valid.numpy(), ratio=ratio, phase=(ratio - 1) / 2)
    return numbers.image(lms + 1, pan + 1) - 1


def _clear(valid: Tensor, ratio: int) -> Tensor:
    """Takes away the pixels whose LMS is touched by what was filled: those within four MS pixels of an invalid one."""
    reach = 4 * ratio
    touched = max_pool2d((~valid).float()[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0]
    return touched == 0
