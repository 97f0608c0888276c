"""Sums over sliding windows."""

import numpy as np

from ssdiff_models.metrics.base import Image

__all__ = ["box_sums", "neighbours"]


def box_sums(image: Image, side: int) -> Image:
    """Returns the sums over all ``side x side`` windows that lie in the image."""
    return _sums_along(_sums_along(image, side, -2), side, -1)


def _sums_along(image: Image, side: int, axis: int) -> Image:
    # By doubling, sums of 1, 2, 4 … neighbours: a running sum would carry rounding along.
    size = image.shape[axis] - side + 1
    total = np.zeros(())
    start = 0
    width = 1
    power = image
    for bit in range(side.bit_length()):
        if side >> bit & 1:
            total = total + neighbours(power, start, start + size, axis)
            start += width
        if side >> (bit + 1):
            after = neighbours(power, width, None, axis)
            power = neighbours(power, 0, -width, axis) + after
            width *= 2
    return total


def neighbours(image: Image, start: int, stop: int | None, axis: int) -> Image:
    """Returns the rows (axis -2) or columns (axis -1) from `start` to `stop`."""
    return image[..., start:stop, :] if axis == -2 else image[..., start:stop]
