"""What lies beyond an image's border."""

import torch
from torch import Tensor

__all__ = ["extended"]


def extended(image: Tensor, pixels: int, border: str) -> Tensor:
    """Grows ``(bands, rows, cols)`` by `pixels` on every side: ``replicate``, ``symmetric`` (edge pixel repeated) or ``circular``."""
    for axis in (-2, -1):
        size = image.shape[axis]
        index = torch.arange(-pixels, size + pixels)
        if border == "replicate":
            index = index.clamp(0, size - 1)
        elif border == "circular":
            index = index.remainder(size)
        else:
            index = index.remainder(2 * size)
            index = torch.where(index < size, index, 2 * size - 1 - index)
        image = image.index_select(axis, index.to(image.device))
    return image
