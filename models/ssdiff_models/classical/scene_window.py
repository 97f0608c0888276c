"""A block that is a window of a scene, with the surroundings that its filters need."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.resampling.lowpass import Lowpass, bicubic_down
from ssdiff_models.resampling.upsample import MS_HALO, upsample
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window

__all__ = ["WindowBlock"]


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
        return upsample(flat.view(-1, *ms.shape[1:]), self.geometry.ratio, self.geometry.phase)

    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Returns real pixels."""
        start, (rows, cols) = self._halo - pixels, self._size
        assert start >= 0, f"{pixels} pixels of halo asked for, {self._halo} there"
        return torch.from_numpy(
            self._patch.pan[
                None, start : start + rows + 2 * pixels, start : start + cols + 2 * pixels
            ]
        )

    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Interpolates more of the MS."""
        ms = self.ms_around(MS_HALO + pixels // self.geometry.ratio)
        return upsample(ms, self.geometry.ratio, self.geometry.phase)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks more of the interpolated MS."""
        margin, (rows, cols) = 3 * self.geometry.ratio, self._small
        around = self.lms_around(margin + pixels * self.geometry.ratio, "symmetric")
        return bicubic_down(self.geometry.ratio)(
            around, margin, (rows + 2 * pixels, cols + 2 * pixels)
        )

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        rows, cols = self._small
        inner, margin = MS_HALO * self.geometry.ratio, self.geometry.low_reach
        return lowpass(
            self.pan_around(margin, border),
            margin - inner,
            (rows + 2 * MS_HALO, cols + 2 * MS_HALO),
        )
