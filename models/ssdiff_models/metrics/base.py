"""What all metrics share: checked arrays, strips of rows, and the accumulators' contract."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from ssdiff_models.errors import InputError

__all__ = [
    "Accumulator",
    "Array",
    "Image",
    "Mask",
    "Strip",
    "cut",
    "strip",
    "strips",
    "whole_blocks",
]

Array = npt.NDArray[np.generic] | torch.Tensor
"""What callers hand in: a NumPy array or a tensor on any device, of any real dtype."""
Image = npt.NDArray[np.float64]
"""``(bands, rows, cols)``, double precision, finite."""
Mask = npt.NDArray[np.bool_]
"""``(rows, cols)``: True where a pixel counts."""

_STRIP_ROWS = 128
"""Rows that are scored at a time: a few megabytes, whatever the height of the image."""


class Accumulator(ABC):
    """A metric over an image that arrives in strips of whole rows, top to bottom.

    The result does not depend on how the image is split.
    """

    def update(self, fused: Array, reference: Array, valid: Mask | None = None) -> Self:
        """Takes the next rows of both images, and which of their pixels count (None: all).

        Raises:
            InputError: When the images cannot be compared.
        """
        self.add(strip(fused, reference, valid))
        return self

    @abstractmethod
    def add(self, rows: "Strip") -> None:
        """Takes the next rows."""

    @abstractmethod
    def result(self) -> float:
        """Returns the metric of all rows so far.

        Raises:
            InputError: When no pixel, window or block of the image can be scored.
        """

    def of(self, fused: Array, reference: Array, valid: Mask | None) -> float:
        """Returns the metric of whole images.

        Raises:
            InputError: When the images cannot be compared.
        """
        for rows in strips(fused, reference, valid):
            self.add(rows)
        return self.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Some whole rows of two images and their validity."""

    fused: Image
    reference: Image
    valid: Mask

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return int(self.valid.shape[0])

    @property
    def cols(self) -> int:
        """Width in pixels."""
        return int(self.valid.shape[1])

    def __getitem__(self, rows: slice | list[int]) -> "Strip":
        return Strip(
            fused=self.fused[:, rows], reference=self.reference[:, rows], valid=self.valid[rows]
        )

    def inner(self, cols: slice | list[int]) -> "Strip":
        """Returns the strip with some of its columns."""
        return Strip(
            fused=self.fused[:, :, cols],
            reference=self.reference[:, :, cols],
            valid=self.valid[:, cols],
        )

    def below(self, other: "Strip | None") -> "Strip":
        """Returns this strip with `other` on top.

        Raises:
            InputError: When the two have other bands or columns.
        """
        if other is None:
            return self
        if other.fused.shape[::2] != self.fused.shape[::2]:
            raise InputError(
                f"strips of one image differ: {_shape(other.fused)} and then {_shape(self.fused)} "
                "(bands x rows x cols)"
            )
        fused = np.concatenate([other.fused, self.fused], axis=1)
        reference = np.concatenate([other.reference, self.reference], axis=1)
        valid = np.concatenate([other.valid, self.valid])
        return Strip(fused=fused, reference=reference, valid=valid)


def strip(fused: Array, reference: Array, valid: Mask | None = None) -> Strip:
    """Returns the two images as double precision with their validity, checked.

    Pixels that do not count become 0, so that what they held (often NaN) cannot leak.

    Raises:
        InputError: When the shapes differ, an array is not ``(bands, rows, cols)``, or a value
            that counts is not finite.
    """
    _check_shapes(fused, reference, valid)
    grid = tuple(fused.shape[1:])
    everywhere = np.ones(grid, dtype=np.bool_)
    mask = everywhere if valid is None else np.asarray(valid, dtype=np.bool_)
    return Strip(
        fused=_image(fused, mask, "the fused image"),
        reference=_image(reference, mask, "the reference"),
        valid=mask,
    )


def cut(image: Image, block: int) -> Image:
    """Cuts a strip one block high, ``(bands, block, cols)``, into ``(blocks, bands, pixels)``."""
    bands = image.shape[0]
    squares = image.reshape(bands, block, -1, block).transpose(2, 0, 1, 3)
    return squares.reshape(-1, bands, block * block)


def whole_blocks(valid: Mask, block: int) -> Mask:
    """Returns which blocks of a strip one block high are wholly valid, ``(blocks,)``."""
    squares = valid.reshape(block, -1, block)
    return np.asarray(squares.all(axis=(0, 2)))


def strips(
    fused: Array, reference: Array, valid: Mask | None = None, *, side: int = _STRIP_ROWS
) -> Iterator[Strip]:
    """Yields two images, `side` rows at a time.

    Raises:
        InputError: When the images cannot be compared.
    """
    _check_shapes(fused, reference, valid)
    for start in range(0, fused.shape[1], side):
        rows = slice(start, start + side)
        counts = None if valid is None else valid[rows]
        yield strip(fused[:, rows], reference[:, rows], counts)


def _check_shapes(fused: Array, reference: Array, valid: Mask | None) -> None:
    if fused.ndim != 3 or not np.prod(fused.shape):
        raise InputError(
            f"the fused image has shape {tuple(fused.shape)}: "
            "a metric needs (bands, rows, cols) with at least one pixel"
        )
    if tuple(fused.shape) != tuple(reference.shape):
        raise InputError(
            f"the fused image is {_shape(fused)} and the reference {_shape(reference)} "
            "(bands x rows x cols): they must have the same grid and bands"
        )
    grid = tuple(fused.shape[1:])
    if valid is not None and tuple(valid.shape) != grid:
        raise InputError(f"the mask has shape {tuple(valid.shape)}, the images {grid} (rows, cols)")


def _image(values: Array, mask: Mask, name: str) -> Image:
    if isinstance(values, torch.Tensor):
        values = values.detach().to("cpu", torch.float64).numpy()
    if values.dtype.kind not in "uif":
        raise InputError(f"{name} is of type {values.dtype}: a metric needs real numbers")
    image = values.astype(np.float64, copy=False)
    if not mask.all():
        image = np.where(mask, image, 0.0)
    if not np.isfinite(image).all():
        raise InputError(f"{name} has non-finite values: mask them (nodata) before scoring")
    return image


def _shape(image: Array) -> str:
    return " x ".join(map(str, image.shape))
