"""A reduced PAN as crisp as its reference.

A bicubic reduction leaves far more near Nyquist than a sensor's optics do. A network that is
trained with such a PAN learns to leave detail away, and is soft at full resolution, where the
truth has about as much detail as the PAN.
"""

import torch
from torch import Tensor

from ssdiff_models.resampling.detail import blurred, fine_detail, with_detail

__all__ = ["match_sharpness"]

COARSE = 6.0
"""Sigma, in pixels, of the Gaussian under which the bands are weighed."""
STEP = 4
"""Pixels between those that the weights are fitted to."""
SOFTEST = 3.0
"""Sigma, in pixels, of the most blurred PAN."""
CRISPEST = 3.0
"""Times that its detail is added to the crispest PAN."""
HALVINGS = 16


def match_sharpness(pan: Tensor, reference: Tensor, valid: Tensor) -> Tensor:
    """Blurs or sharpens a PAN until its detail is the part of the reference's that it explains.

    Detail is what a Gaussian of sigma 1 takes away; the reference's is that of the weighted sum of
    bands which fits the PAN best at low frequencies. With `r` their correlation, the PAN's
    standard deviation of detail becomes `r` times the reference's.

    Args:
        pan: ``(rows, cols)``.
        reference: ``(bands, rows, cols)`` on the same grid.
        valid: ``(rows, cols)``: the pixels that count; the others are finite.
    """
    sharp = pan.double()[None]
    intensity = _intensity(sharp, reference.double(), valid)
    own = fine_detail(sharp)[0, valid]
    wanted = fine_detail(intensity)[0, valid]
    correlation = torch.corrcoef(torch.stack([own, wanted]))[0, 1]
    target = float(correlation * wanted.std())
    if not target > 0:
        return pan
    low = -1.0
    high = 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = fine_detail(_softened(sharp, middle))[0, valid].std()
        low, high = (middle, high) if float(found) > target else (low, middle)
    return _softened(sharp, high)[0].to(pan)


def _softened(image: Tensor, share: float) -> Tensor:
    """Returns an image from the crispest, at -1, to the softest, at 1."""
    if share > 0:
        return blurred(image, SOFTEST * share)
    return with_detail(image, 1 - CRISPEST * share)


def _intensity(pan: Tensor, bands: Tensor, valid: Tensor) -> Tensor:
    """Returns the weighted sum of bands, ``(1, rows, cols)``, that fits the PAN, both blurred."""
    coarse = blurred(torch.cat([pan, bands]), COARSE)[:, ::STEP, ::STEP]
    samples = coarse[:, valid[::STEP, ::STEP]]
    constant = torch.ones_like(samples[:1])
    design = torch.cat([samples[1:], constant]).T
    weights = torch.linalg.lstsq(design, samples[0, :, None]).solution[:-1, 0]
    intensity: Tensor = (weights[:, None, None] * bands).sum(0, keepdim=True)
    return intensity
