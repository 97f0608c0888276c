"""A part of a scene at full resolution with its surroundings, and the strips it is scored in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.metrics.base import Array, Image, Mask, strip
from ssdiff_models.metrics.window_sums import box_sums

__all__ = ["BLOCK", "REACH", "Piece", "eroded"]

BLOCK = 32
"""Side of the blocks of Q2n, in pixels of PAN or MS."""
REACH = 24
"""PAN pixels on either side that the figures see: the radius of a Gaussian of sigma 6."""
_STRIP_ROWS = 256
"""Rows that are scored at a time, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Images of one part of a scene, in DN.

    Pieces give the figures of the whole scene when they start and end at multiples of `BLOCK` MS
    pixels, counted from the scene's first pixel, or at its border, and `REACH` PAN pixels around
    each come with it where there are any.
    """

    fused: Array
    """``(bands, rows, cols)``: the piece and its surroundings."""
    lms: Array
    """The up-sampled MS, the same shape."""
    pan: Array
    """``(rows, cols)``."""
    pan_low: Array
    """``(rows, cols)``: the PAN at MS resolution on its own grid."""
    ms: Array
    """``(bands, rows / ratio, cols / ratio)``."""
    inner: tuple[slice, slice]
    """The piece's own rows and columns, multiples of the ratio."""
    valid: Mask
    """``(rows, cols)``: True where a pixel counts."""

    @classmethod
    def whole(
        cls,
        *,
        pan: Array,
        valid: Mask | None = None,
        inner: tuple[slice, slice] | None = None,
        **images: Array,
    ) -> "Piece":
        """Returns a whole scene as one piece; `images` are those that the figures need."""
        rows, cols = pan.shape[-2:]
        nothing = np.zeros((0, rows, cols))
        fused = images.get("fused", nothing)
        return cls(
            fused=fused,
            lms=images.get("lms", fused),
            pan=pan.reshape(rows, cols),
            pan_low=images.get("pan_low", pan).reshape(rows, cols),
            ms=images.get("ms", nothing),
            inner=inner or (slice(0, rows), slice(0, cols)),
            valid=np.ones((rows, cols), dtype=np.bool_) if valid is None else valid,
        )

    def strips(self, ratio: int) -> Iterator["Piece"]:
        """Yields the piece cut into wide strips, in double precision, 0 where a pixel is invalid.

        Raises:
            InputError: When the images do not fit each other.
        """
        self._check(ratio)
        lattice = BLOCK * ratio
        height = max(_STRIP_ROWS // lattice, 1) * lattice
        # An MS pixel may lie half a pixel beside its block.
        margin = -(-(REACH + ratio // 2) // ratio) * ratio
        first, last, _ = self.inner[0].indices(self.valid.shape[0])
        count = max((last - first) // height, 1)
        for k in range(count):
            start = first + k * height
            stop = start + height if k + 1 < count else last
            wide = slice(max(start - margin, 0), min(stop + margin, len(self.valid)))
            yield self._strip(wide, slice(start - wide.start, stop - wide.start), ratio)

    def _strip(self, wide: slice, own: slice, ratio: int) -> "Piece":
        valid = self.valid[wide]
        bands = strip(self.fused[:, wide], self.lms[:, wide], valid) if len(self.fused) else None
        planes = strip(self.pan[None, wide], self.pan_low[None, wide], valid)
        ms = self.ms[:, wide.start // ratio : wide.stop // ratio]
        return Piece(
            fused=np.zeros((0, *valid.shape)) if bands is None else bands.fused,
            lms=np.zeros((0, *valid.shape)) if bands is None else bands.reference,
            pan=planes.fused[0],
            pan_low=planes.reference[0],
            ms=strip(ms, ms).fused if len(ms) else ms,
            inner=(own, self.inner[1]),
            valid=valid,
        )

    def _check(self, ratio: int) -> None:
        rows, cols = self.valid.shape
        wanted = (rows // ratio, cols // ratio)
        if tuple(self.ms.shape[1:]) != wanted or rows % ratio or cols % ratio:
            raise InputError(
                f"the MS has {tuple(self.ms.shape[1:])} pixels (rows, cols), the PAN "
                f"{(rows, cols)}: at ratio {ratio} the PAN must have {ratio} times as many"
            )

    @property
    def images(self) -> Image:
        """``(bands + 1, rows, cols)``: the fused bands and the PAN, of a strip."""
        return cast("Image", np.concatenate([self.fused, self.pan[None]]))

    def counted(self, *, reach: int = 0, border: int = 0) -> Mask:
        """Returns where a strip's own pixels count, ``(rows, cols)``.

        Args:
            reach: Pixels around a hole that do not count.
            border: Pixels at the scene's border that do not count.
        """
        own = np.zeros_like(self.valid)
        own[self.inner] = True
        if border:
            inside = slice(border, -border)
            outside = np.ones_like(own)
            outside[inside, inside] = False
            own &= ~outside
        return own & eroded(self.valid, reach)


def eroded(valid: Mask, reach: int) -> Mask:
    """Returns the pixels with no invalid one within `reach` rows and columns in the image."""
    if not reach or valid.all():
        return valid
    holes = np.pad((~valid).astype(np.float64), reach)
    return np.asarray(box_sums(holes, 2 * reach + 1) == 0)
