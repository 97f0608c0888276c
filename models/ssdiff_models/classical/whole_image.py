"""A block that is a whole image in memory."""

import torch
from torch import Tensor

from ssdiff_models.classical.block import FILTER_REACH, Block, cycle_reach
from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.lowpass import Lowpass, bicubic_down, binomial
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.model_grid import ModelGrid

__all__ = ["WholeImage"]


class WholeImage(Block):
    """A whole pair with the borders of the reference toolbox, and its LMS."""

    def __init__(self, pan: Tensor, ms: Tensor, lms: Tensor, grid: ModelGrid) -> None:
        """Takes ``(rows, cols)``, ``(bands, rows/ratio, cols/ratio)``, ``(bands, rows, cols)``."""
        super().__init__(grid)
        self._pan = pan[None]
        self._ms = ms
        self._lms = lms

    @property
    def valid(self) -> Tensor | None:
        return None

    @property
    def ms(self) -> Tensor:
        return self._ms

    @property
    def lms(self) -> Tensor:
        return self._lms

    def mixed(self, weights: Tensor, offset: Tensor) -> Tensor:
        """Returns ``weights @ lms + offset``."""
        mixture = torch.einsum("kj,jrc->krc", weights.to(self.lms), self.lms)
        return mixture + offset.to(self.lms)[:, None, None]

    def pan_around(self, pixels: int, border: str) -> Tensor:
        return extended(self._pan, pixels, border)

    def lms_around(self, pixels: int, border: str) -> Tensor:
        return extended(self.lms, pixels, border)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks, then extends by the edge's own pixels."""
        margin = cycle_reach(self.grid)
        around = self.lms_around(margin, "symmetric")
        ratio = self.grid.ratio
        small = bicubic_down(ratio, ratio)(around, margin, self.small)
        return extended(small, pixels, "replicate")

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        margin = self.grid.whole_pixels(FILTER_REACH)
        reduced = lowpass(self.pan_around(margin, border), margin, self.small)
        return extended(reduced, MS_HALO, "circular")

    def pan_binomial(self) -> Tensor:
        """As a window does inside; the reference extends the border twice, between passes."""
        return _four_passes(self._pan)[0] if self.grid.seen == 4 else super().pan_binomial()

    def pan_reduced(self) -> Tensor:
        """As a window does, with the reference's border where MS pixels lie on PAN pixels."""
        if self.grid.phase % 1:
            return super().pan_reduced()
        centres = slice(int(self.grid.phase), None, self.grid.ratio)
        return self.pan_binomial()[centres, centres]


def _four_passes(image: Tensor) -> Tensor:
    """Filters by [1 4 6 4 1] / 16 four times.

    The image is mirrored by 4 before each of the first two, which leaves 4 for the others.
    """
    for mirrored in (4, 4, 0, 0):
        image = _one_pass(extended(image, mirrored, "symmetric"))
    return image


def _one_pass(image: Tensor) -> Tensor:
    rows, cols = image.shape[1:]
    return binomial(2, 0.0, 1)(image, 2, (rows - 4, cols - 4))
