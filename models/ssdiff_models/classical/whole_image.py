"""A block that is a whole image in memory."""

import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.resampling.borders import extended
from ssdiff_models.resampling.lowpass import Lowpass, bicubic_down, binomial
from ssdiff_models.resampling.upsample import MS_HALO

__all__ = ["WholeImage"]


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
        return (
            torch.einsum("kj,jrc->krc", weights.to(self.lms), self.lms)
            + offset.to(self.lms)[:, None, None]
        )

    def pan_around(self, pixels: int, border: str) -> Tensor:
        """Extends the PAN."""
        return extended(self._pan, pixels, border)

    def lms_around(self, pixels: int, border: str) -> Tensor:
        """Extends the interpolated MS."""
        return extended(self.lms, pixels, border)

    def lms_reduced(self, pixels: int) -> Tensor:
        """Shrinks, then extends by the edge's own pixels."""
        margin = self.geometry.cycle_reach
        small = bicubic_down(self.geometry.ratio)(
            self.lms_around(margin, "symmetric"), margin, self.small
        )
        return extended(small, pixels, "replicate")

    def _reduced_around(self, lowpass: Lowpass, border: str) -> Tensor:
        margin = self.geometry.pixels(24)
        return extended(
            lowpass(self.pan_around(margin, border), margin, self.small), MS_HALO, "circular"
        )

    def pan_binomial(self) -> Tensor:
        """As a window does inside; the reference extends its border twice, between the passes of the filter."""
        return _four_passes(self._pan)[0] if self.geometry.ratio == 4 else super().pan_binomial()

    def pan_reduced(self) -> Tensor:
        """As a window does inside, with the reference's border where the MS pixels lie on PAN pixels."""
        ratio, phase = self.geometry.ratio, self.geometry.phase
        return (
            self.pan_binomial()[int(phase) :: ratio, int(phase) :: ratio]
            if phase % 1 == 0
            else super().pan_reduced()
        )


def _four_passes(image: Tensor) -> Tensor:
    """[1 4 6 4 1] / 16 four times; the image is mirrored by 4 before each of the first two, which leaves 4 to spare for the others."""
    for mirrored in (4, 4, 0, 0):
        image = _one_pass(extended(image, mirrored, "symmetric"))
    return image


def _one_pass(image: Tensor) -> Tensor:
    lowpass = binomial(2, 0.0, 1)
    return lowpass(image, 2, (image.shape[1] - 4, image.shape[2] - 4))
