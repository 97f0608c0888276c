"""A block that is a window of a scene, with the surroundings that its filters need."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, low_reach
from ssdiff_models.resampling.lowpass import Lowpass, bicubic_down
from ssdiff_models.resampling.upsample import MS_HALO, upsample
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window

__all__ = ["WindowBlock"]


class WindowBlock(Block):
    """A window of a scene with real pixels around it."""

    def __init__(self, patch: Patch, window: Window, halo: int, grid: ModelGrid) -> None:
        """Takes the patch of ``window.expand(halo)``; both are whole MS pixels."""
        super().__init__(grid)
        self._patch = patch
        self._halo = halo
        self._small = window.rows // grid.ratio, window.cols // grid.ratio
        self._ms = torch.from_numpy(patch.ms)
        self._ms_halo = halo // grid.ratio + MS_HALO

    @property
    def small(self) -> tuple[int, int]:
        return self._small

    @cached_property
    def valid(self) -> Tensor | None:
        rows, cols = self.size
        start = self._halo
        inner = self._patch.valid[start : start + rows, start : start + cols]
        return None if inner.all() else torch.from_numpy(np.ascontiguousarray(inner))

    @property
    def ms(self) -> Tensor:
        return self.ms_around(0)

    def ms_around(self, pixels: int) -> Tensor:
        """Returns the MS with `pixels` more MS pixels on every side."""
        start = self._ms_halo - pixels
        rows, cols = self._small
        return self._ms[:, start : start + rows + 2 * pixels, start : start + cols + 2 * pixels]

    @cached_property
    def lms(self) -> Tensor:
        return self.lms_around(0, "symmetric")

    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Interpolates the mixture of the MS: interpolation is linear and keeps constants."""
        ms = self.ms_around(MS_HALO)
        flat = torch.addmm(offset.to(ms)[:, None], weights.to(ms), ms.flatten(1))
        return upsample(flat.view(-1, *ms.shape[1:]), self.grid.ratio, self.grid.phase)

    def pan_around(self, pixels: int, border: str) -> Tensor:
        start = self._halo - pixels
        assert start >= 0, f"{pixels} pixels of halo asked for, {self._halo} there"
        rows, cols = self.size
        pan = self._patch.pan[None]
        return torch.from_numpy(
            pan[:, start : start + rows + 2 * pixels, start : start + cols + 2 * pixels]
        )

    def lms_around(self, pixels: int, border: str) -> Tensor:
        ms = self.ms_around(MS_HALO + pixels // self.grid.ratio)
        return upsample(ms, self.grid.ratio, self.grid.phase)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks more of the interpolated MS."""
        ratio = self.grid.ratio
        rows, cols = self._small
        around = self.lms_around((3 + pixels) * ratio, "symmetric")
        return bicubic_down(ratio)(around, 3 * ratio, (rows + 2 * pixels, cols + 2 * pixels))

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        rows, cols = self._small
        margin = low_reach(self.grid)
        around = self.pan_around(margin, border)
        count = (rows + 2 * MS_HALO, cols + 2 * MS_HALO)
        return lowpass(around, margin - MS_HALO * self.grid.ratio, count)
