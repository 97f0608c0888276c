"""Images beyond their borders."""

import torch
from torch import Tensor

from ssdiff_models.resampling.mirror import mirrored

__all__ = ["extended", "weighted_rows"]


def extended(image: Tensor, pixels: int, border: str) -> Tensor:
    """Adds `pixels`, any number, on every side of ``(bands, rows, cols)``.

    `border` is ``replicate``, ``symmetric`` (mirrored, edges repeated) or ``circular``.
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        stop = size + pixels
        index = torch.arange(-pixels, stop, device=image.device)
        if border == "replicate":
            index = index.clamp(0, size - 1)
        elif border == "circular":
            index = index % size
        else:
            index = mirrored(index, size)
        image = image.index_select(axis, index)
    return image


def weighted_rows(image: Tensor, weights: Tensor, *, start: int, step: int, count: int) -> Tensor:
    """Returns `count` rows; row i is the sum of ``weights[t] * image[start + step*i + t]``.

    The rows of `image`, ``(rows, cols)``, are mirrored at its borders.
    """
    first = torch.arange(count) * step + start
    taps = torch.arange(len(weights))
    index = first[:, None] + taps
    rows = mirrored(index, len(image))
    pieces = image[rows.to(image.device)]
    return torch.einsum("ktc,t->kc", pieces, weights.to(image))
