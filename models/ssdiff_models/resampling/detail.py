"""The finest detail of an image: what a Gaussian of sigma 1 takes away."""

import numpy as np
from torch import Tensor

from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.separable import Filter, resample

__all__ = ["blurred", "detail_factor", "fine_detail", "with_detail"]

DETAIL = 1.0
"""Sigma of the Gaussian, in pixels."""


REMAINS = 0.8
"""Part of an image's detail that the detail of its detail has, about."""


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Blurs ``(bands, rows, cols)`` by a Gaussian of `sigma` pixels, borders repeated."""
    reach = max(1, round(4 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = Filter.of(taps / taps.sum(), 1)
    return resample(extended(images, reach, "replicate"), kernel, kernel)


def fine_detail(images: Tensor) -> Tensor:
    """Returns the detail of ``(bands, rows, cols)``."""
    return images - blurred(images, DETAIL)


def with_detail(images: Tensor, factor: float) -> Tensor:
    """Multiplies the detail of ``(bands, rows, cols)``; at 1 nothing changes."""
    return images if factor == 1 else images + (factor - 1) * fine_detail(images)


def detail_factor(wanted: float) -> float:
    """Returns the factor of `with_detail` that makes an image about `wanted` times as crisp."""
    return 1 + (wanted - 1) / REMAINS
