"""What a classical method sees of a pair: a whole image, or a window of a scene with its halo.

A method is written once, against `Block`. Away from the image's borders, where a whole image has
those of the reference toolbox, both kinds give the same values.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
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
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.resampling.upsample import upsample
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["FILTER_REACH", "Block", "cycle_reach", "detail_reach", "low_reach"]

FILTER_REACH = 24
"""Pixels around an image that the MTF filters and the generic low-pass reach."""


def low_reach(grid: ModelGrid) -> int:
    """Returns the PAN pixels that `Block.pan_low` needs around a window."""
    filters = math.ceil(grid.phase) + 22
    return MS_HALO * grid.ratio + grid.whole_pixels(filters)


def detail_reach(grid: ModelGrid) -> int:
    """Returns the PAN pixels that `Block.pan_binomial` needs around a window."""
    return grid.whole_pixels(_binomial_reach(grid))


def cycle_reach(grid: ModelGrid) -> int:
    """Returns the PAN pixels that `Block.cycled` needs around a window."""
    return 6 * grid.ratio


def _binomial_reach(grid: ModelGrid) -> int:
    return math.ceil(grid.seen**2 / 2) + 2


class Block(ABC):
    """A PAN/MS pair, or a window of one."""

    def __init__(self, grid: ModelGrid) -> None:
        """Takes how the MS lies on the PAN."""
        self.grid = grid

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
        """Returns ``weights @ lms + offset``, ``(n, rows, cols)``, in memory of its own."""

    @abstractmethod
    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Returns the PAN and more around it, ``(1, rows + 2*pixels, cols + 2*pixels)``."""

    @abstractmethod
    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Returns the LMS with `pixels` more around it, a multiple of the ratio."""

    @abstractmethod
    def lms_reduced(self, pixels: int) -> Tensor:
        """Returns the LMS shrunk by a bicubic (imresize), with `pixels` more MS pixels around."""

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
    def size(self) -> tuple[int, int]:
        """Rows and columns of the PAN."""
        rows, cols = self.small
        return rows * self.grid.ratio, cols * self.grid.ratio

    @property
    def valid_small(self) -> Tensor | None:
        """Bool ``(rows/ratio, cols/ratio)``: MS pixels all of whose PAN pixels are valid."""
        if self.valid is None:
            return None
        rows, cols = self.small
        squares = self.valid.view(rows, self.grid.ratio, cols, self.grid.ratio)
        return squares.all(3).all(1)

    def pan_low(self, gains: Sequence[float]) -> Tensor:
        """Returns the PAN as each MS band would have seen it, ``(bands, rows, cols)``.

        That is MTF filter, decimation, EXP.
        """
        ratio = self.grid.ratio
        different = list(dict.fromkeys(gains))
        lowpasses = [mtf(gain, self.grid.seen, self.grid.phase, ratio) for gain in different]
        reduced = [self._reduced_around(lowpass, "replicate") for lowpass in lowpasses]
        low = upsample(torch.cat(reduced), ratio, self.grid.phase)
        if len(different) == len(gains):
            return low
        return low[[different.index(gain) for gain in gains]]

    def pan_gaussian(self) -> Tensor:
        """Returns the PAN under the generic low-pass (LPfilterGauss), ``(rows, cols)``."""
        around = self.pan_around(FILTER_REACH, "replicate")
        return gaussian_lowpass(self.grid.seen)(around, FILTER_REACH, self.size)[0]

    def pan_binomial(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at every pixel, ``(rows, cols)``."""
        margin = _binomial_reach(self.grid)
        around = self.pan_around(margin, "symmetric")
        return binomial(self.grid.seen, 0.0, 1)(around, margin, self.size)[0]

    def pan_reduced(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at the MS pixels."""
        margin = detail_reach(self.grid)
        around = self.pan_around(margin, "symmetric")
        lowpass = binomial(self.grid.seen, self.grid.phase, self.grid.ratio)
        return lowpass(around, margin, self.small)[0]

    def pan_as_ms(self, gain: float) -> Tensor:
        """Returns the PAN under its own MTF at the MS pixels, ``(rows/ratio, cols/ratio)``."""
        margin = self.grid.whole_pixels(FILTER_REACH)
        lowpass = mtf(gain, self.grid.seen, self.grid.phase, self.grid.ratio)
        return lowpass(self.pan_around(margin, "replicate"), margin, self.small)[0]

    def cycled(self, image: Tensor) -> Tensor:
        """Reduces and enlarges again by bicubics (imresize).

        The image has `cycle_reach` mirrored pixels around it.
        """
        ratio = self.grid.ratio
        rows, cols = self.small
        small = bicubic_down(ratio, self.grid.seen)(image, 3 * ratio, (rows + 6, cols + 6))
        return bicubic_up(ratio)(small, 3, (rows, cols))
