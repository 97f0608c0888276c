"""What a classical method sees of a pair: a whole image with the reference toolbox's borders, or a window with its halo.

A method is written once, against `Block`. Away from the image's borders both kinds give the same values.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ssdiff_models.resampling.lowpass import (
    Lowpass,
    bicubic_down,
    bicubic_up,
    binomial,
    gaussian_lowpass,
    mtf,
)
from ssdiff_models.resampling.upsample import MS_HALO, upsample

__all__ = ["Block", "Geometry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How the MS grid lies on the PAN grid."""

    ratio: int
    """PAN pixels per MS pixel."""
    phase: float
    """PAN index of the centre of MS pixel 0."""

    def pixels(self, reach: int) -> int:
        """Rounds a reach in PAN pixels up to whole MS pixels."""
        return -(-reach // self.ratio) * self.ratio

    @property
    def low_reach(self) -> int:
        """PAN pixels that `Block.pan_low` needs around a window."""
        return MS_HALO * self.ratio + self.pixels(math.ceil(self.phase) + 22)

    @property
    def detail_reach(self) -> int:
        """PAN pixels that `Block.pan_binomial` needs around a window."""
        return self.pixels(self.ratio * self.ratio // 2 + 2)

    @property
    def cycle_reach(self) -> int:
        """PAN pixels that `Block.cycled` needs around a window."""
        return 6 * self.ratio


class Block(ABC):
    """A PAN/MS pair, or a window of one."""

    def __init__(self, geometry: Geometry) -> None:
        """Takes the geometry."""
        self.geometry = geometry

    @property
    @abstractmethod
    def valid(self) -> Tensor | None:
        """Bool ``(rows, cols)``, or None where every pixel is valid."""

    @property
    @abstractmethod
    def ms(self) -> Tensor:
        """``(bands, rows/ratio, cols/ratio)``."""

    @property
    @abstractmethod
    def lms(self) -> Tensor:
        """``(bands, rows, cols)``: the MS interpolated to the PAN grid (EXP)."""

    @abstractmethod
    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Returns the linear mixture ``weights @ lms + offset``, ``(n, rows, cols)``, in memory of its own."""

    @abstractmethod
    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Returns the PAN with more pixels around it, ``(1, rows + 2*pixels, cols + 2*pixels)``."""

    @abstractmethod
    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Returns the interpolated MS with more pixels around it; `pixels` is a multiple of the ratio."""

    @abstractmethod
    def lms_reduced(self, pixels: int) -> Tensor:
        """Returns the interpolated MS shrunk by a bicubic (imresize), with `pixels` more MS pixels on every side."""

    @abstractmethod
    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        """Returns the PAN reduced to the MS grid with `MS_HALO` pixels around it, ``(1, ...)``."""

    @cached_property
    def pan(self) -> Tensor:
        """``(rows, cols)``."""
        return self.pan_around(0, "replicate")[0]

    @property
    def small(self) -> tuple[int, int]:
        """Rows and columns of the MS."""
        return self.ms.shape[1], self.ms.shape[2]

    @property
    def valid_small(self) -> Tensor | None:
        """Bool ``(rows/ratio, cols/ratio)``: MS pixels all of whose PAN pixels are valid."""
        if self.valid is None:
            return None
        rows, cols = self.small
        return self.valid.view(rows, self.geometry.ratio, cols, self.geometry.ratio).all(3).all(1)

    def pan_low(self, gains: Sequence[float]) -> Tensor:
        """Returns the PAN as each MS band would have seen it, ``(bands, rows, cols)``: MTF filter, decimation, EXP."""
        ratio, phase = self.geometry.ratio, self.geometry.phase
        different = list(dict.fromkeys(gains))
        low = torch.cat(
            [
                self._reduced_around(mtf(gain, ratio, phase, ratio), "replicate")
                for gain in different
            ]
        )
        low = upsample(low, ratio, phase)
        return (
            low if len(different) == len(gains) else low[[different.index(gain) for gain in gains]]
        )

    def pan_gaussian(self) -> Tensor:
        """Returns the PAN under the generic low-pass at every pixel (LPfilterGauss), ``(rows, cols)``."""
        margin = 24
        return gaussian_lowpass(self.geometry.ratio)(
            self.pan_around(margin, "replicate"), margin, self._size
        )[0]

    def pan_binomial(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at every pixel, ``(rows, cols)``."""
        margin = self.geometry.ratio**2 // 2 + 2
        return binomial(self.geometry.ratio, 0.0, 1)(
            self.pan_around(margin, "symmetric"), margin, self._size
        )[0]

    def pan_reduced(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at the MS pixels, ``(rows/ratio, cols/ratio)``."""
        ratio, phase = self.geometry.ratio, self.geometry.phase
        margin = self.geometry.detail_reach
        return binomial(ratio, phase, ratio)(
            self.pan_around(margin, "symmetric"), margin, self.small
        )[0]

    def pan_as_ms(self, gain: float) -> Tensor:
        """Returns the PAN under its own MTF at the MS pixels, ``(rows/ratio, cols/ratio)``."""
        margin = self.geometry.pixels(24)
        lowpass = mtf(gain, self.geometry.ratio, self.geometry.phase, self.geometry.ratio)
        return lowpass(self.pan_around(margin, "replicate"), margin, self.small)[0]

    def cycled(self, image: Tensor) -> Tensor:
        """Reduces and enlarges again by bicubics (imresize), given an image with `Geometry.cycle_reach` mirrored pixels around it."""
        ratio, rows, cols = self.geometry.ratio, *self.small
        small = bicubic_down(ratio)(image, 3 * ratio, (rows + 6, cols + 6))
        return bicubic_up(ratio)(small, 3, (rows, cols))

    @property
    def _size(self) -> tuple[int, int]:
        return self.small[0] * self.geometry.ratio, self.small[1] * self.geometry.ratio
