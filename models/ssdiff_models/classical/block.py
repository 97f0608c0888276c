"""What a classical method sees of a pair: a whole image with the reference toolbox's borders, or a window with its halo.

A method is written once, against `Block`. Away from the image's borders both kinds give the same values.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.kernels import Lowpass, bicubic_down, bicubic_up, binomial, extended, gaussian, mtf
from ssdiff_models.degrade import upsample
from ssdiff_models.scene import MS_HALO, Patch
from ssdiff_models.tiles import Window

__all__ = ["Block", "Geometry", "WholeImage", "WindowBlock"]


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
        low = torch.cat([self._reduced_around(mtf(gain, ratio, phase, ratio), "replicate") for gain in different])
        low = upsample(low, ratio, phase, MS_HALO)
        return low if len(different) == len(gains) else low[[different.index(gain) for gain in gains]]

    def pan_gaussian(self) -> Tensor:
        """Returns the PAN under the generic low-pass at every pixel (LPfilterGauss), ``(rows, cols)``."""
        margin = 24
        return gaussian(self.geometry.ratio)(self.pan_around(margin, "replicate"), margin, self._size)[0]

    def pan_binomial(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at every pixel, ``(rows, cols)``."""
        margin = self.geometry.ratio**2 // 2 + 2
        return binomial(self.geometry.ratio, 0.0, 1)(self.pan_around(margin, "symmetric"), margin, self._size)[0]

    def pan_reduced(self) -> Tensor:
        """Returns the PAN under the binomial low-pass at the MS pixels, ``(rows/ratio, cols/ratio)``."""
        ratio, phase = self.geometry.ratio, self.geometry.phase
        margin = self.geometry.detail_reach
        return binomial(ratio, phase, ratio)(self.pan_around(margin, "symmetric"), margin, self.small)[0]

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


class WholeImage(Block):
    """A whole pair with the borders of the reference toolbox; the interpolated MS is given."""

    def __init__(self, pan: Tensor, ms: Tensor, lms: Tensor, geometry: Geometry) -> None:
        """Takes ``(rows, cols)``, ``(bands, rows/ratio, cols/ratio)`` and ``(bands, rows, cols)``."""
        super().__init__(geometry)
        self._pan, self._ms, self._lms = pan[None], ms, lms

    @property
    def valid(self) -> Tensor | None:
        """None: every pixel is valid."""
        return None

    @property
    def ms(self) -> Tensor:
        """``(bands, rows/ratio, cols/ratio)``."""
        return self._ms

    @property
    def lms(self) -> Tensor:
        """``(bands, rows, cols)``."""
        return self._lms

    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Returns ``weights @ lms + offset``."""
        return torch.einsum("kj,jrc->krc", weights.to(self.lms), self.lms) + offset.to(self.lms)[:, None, None]

    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Extends the PAN."""
        return extended(self._pan, pixels, border)

    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Extends the interpolated MS."""
        return extended(self.lms, pixels, border)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks, then extends by the edge's own pixels."""
        margin = self.geometry.cycle_reach
        small = bicubic_down(self.geometry.ratio)(self.lms_around(margin, "symmetric"), margin, self.small)
        return extended(small, pixels, "replicate")

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        margin = self.geometry.pixels(24)
        return extended(lowpass(self.pan_around(margin, border), margin, self.small), MS_HALO, "circular")

    def pan_binomial(self) -> Tensor:
        """As a window does inside; the reference extends its border twice, between the passes of the filter."""
        return _four_passes(self._pan)[0] if self.geometry.ratio == 4 else super().pan_binomial()

    def pan_reduced(self) -> Tensor:
        """As a window does inside, with the reference's border where the MS pixels lie on PAN pixels."""
        ratio, phase = self.geometry.ratio, self.geometry.phase
        return self.pan_binomial()[int(phase) :: ratio, int(phase) :: ratio] if phase % 1 == 0 else super().pan_reduced()


def _four_passes(image: Tensor) -> Tensor:
    """[1 4 6 4 1] / 16 four times; the image is mirrored by 4 before each of the first two, which leaves 4 to spare for the others."""
    for mirrored in (4, 4, 0, 0):
        image = _one_pass(extended(image, mirrored, "symmetric"))
    return image


def _one_pass(image: Tensor) -> Tensor:
    lowpass = binomial(2, 0.0, 1)
    return lowpass(image, 2, (image.shape[1] - 4, image.shape[2] - 4))


class WindowBlock(Block):
    """A window of a scene with real pixels around it."""

    def __init__(self, patch: Patch, window: Window, halo: int, geometry: Geometry) -> None:
        """Takes the patch of ``window.expand(halo)``; the window and its halo are whole MS pixels."""
        super().__init__(geometry)
        self._patch = patch
        self._halo = halo
        self._small = window.rows // geometry.ratio, window.cols // geometry.ratio
        self._around = torch.from_numpy(patch.ms)
        self._margin = halo // geometry.ratio + MS_HALO

    @property
    def small(self) -> tuple[int, int]:
        """Rows and columns of the MS."""
        return self._small

    @cached_property
    def valid(self) -> Tensor | None:
        """Bool ``(rows, cols)``, or None where every pixel is valid."""
        rows, cols = self._size
        inner = self._patch.valid[self._halo : self._halo + rows, self._halo : self._halo + cols]
        return None if inner.all() else torch.from_numpy(np.ascontiguousarray(inner))

    @property
    def ms(self) -> Tensor:
        """``(bands, rows/ratio, cols/ratio)``."""
        return self.ms_around(0)

    def ms_around(self, pixels: int) -> Tensor:
        """Returns the MS with `pixels` more MS pixels on every side."""
        start, (rows, cols) = self._margin - pixels, self._small
        return self._around[:, start : start + rows + 2 * pixels, start : start + cols + 2 * pixels]

    @cached_property
    def lms(self) -> Tensor:
        """``(bands, rows, cols)``."""
        return self.lms_around(0, "symmetric")

    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Mixes the MS and interpolates the mixture: interpolation is linear and keeps constants."""
        ms = self.ms_around(MS_HALO)
        flat = torch.addmm(offset.to(ms)[:, None], weights.to(ms), ms.flatten(1))
        return upsample(flat.view(-1, *ms.shape[1:]), self.geometry.ratio, self.geometry.phase, MS_HALO)

    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Returns real pixels."""
        start, (rows, cols) = self._halo - pixels, self._size
        assert start >= 0, f"{pixels} pixels of halo asked for, {self._halo} there"
        return torch.from_numpy(self._patch.pan[None, start : start + rows + 2 * pixels, start : start + cols + 2 * pixels])

    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Interpolates more of the MS."""
        ms = self.ms_around(MS_HALO + pixels // self.geometry.ratio)
        return upsample(ms, self.geometry.ratio, self.geometry.phase, MS_HALO)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks more of the interpolated MS."""
        margin, (rows, cols) = 3 * self.geometry.ratio, self._small
        around = self.lms_around(margin + pixels * self.geometry.ratio, "symmetric")
        return bicubic_down(self.geometry.ratio)(around, margin, (rows + 2 * pixels, cols + 2 * pixels))

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        rows, cols = self._small
        inner, margin = MS_HALO * self.geometry.ratio, self.geometry.low_reach
        return lowpass(self.pan_around(margin, border), margin - inner, (rows + 2 * MS_HALO, cols + 2 * MS_HALO))
