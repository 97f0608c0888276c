"""A block that is a window of a scene, with the surroundings that its filters need."""

from functools import cached_property

import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, low_reach
from ssdiff_models.resampling.lowpass import Lowpass, bicubic_down
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.resampling.upsample import upsample
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
        valid = torch.from_numpy(self._patch.valid[None])
        inner = _around(valid, self._halo, 0, self.size)[0]
        return None if bool(inner.all()) else inner.contiguous()

    @property
    def ms(self) -> Tensor:
        return self.ms_around(0)

    def ms_around(self, pixels: int) -> Tensor:
        """Returns the MS with `pixels` more MS pixels on every side."""
        return _around(self._ms, self._ms_halo, pixels, self._small)

    @cached_property
    def lms(self) -> Tensor:
        return self.lms_around(0, "symmetric")

    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Interpolates the mixture of the MS: interpolation is linear and keeps constants."""
        ms = self.ms_around(MS_HALO)
        constant = offset.to(ms)[:, None]
        mixture = torch.addmm(constant, weights.to(ms), ms.flatten(1))
        images = mixture.view(-1, *ms.shape[1:])
        return upsample(images, self.grid.ratio, self.grid.phase)

    def pan_around(self, pixels: int, border: str) -> Tensor:
        assert pixels <= self._halo, f"{pixels} pixels of halo asked for, {self._halo} there"
        pan = torch.from_numpy(self._patch.pan[None])
        return _around(pan, self._halo, pixels, self.size)

    def lms_around(self, pixels: int, border: str) -> Tensor:
        ms = self.ms_around(MS_HALO + pixels // self.grid.ratio)
        return upsample(ms, self.grid.ratio, self.grid.phase)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks more of the interpolated MS."""
        ratio = self.grid.ratio
        margin = 3 * ratio
        around = self.lms_around(margin + pixels * ratio, "symmetric")
        return bicubic_down(ratio, ratio)(around, margin, _grown(self._small, pixels))

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        margin = low_reach(self.grid)
        around = self.pan_around(margin, border)
        first = margin - MS_HALO * self.grid.ratio
        return lowpass(around, first, _grown(self._small, MS_HALO))


def _grown(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    return size[0] + 2 * pixels, size[1] + 2 * pixels


def _around(images: Tensor, halo: int, pixels: int, size: tuple[int, int]) -> Tensor:
    """Returns the inside of images with `pixels` of their halo."""
    start = halo - pixels
    rows, cols = _grown(size, pixels)
    return images[:, start : start + rows, start : start + cols]
