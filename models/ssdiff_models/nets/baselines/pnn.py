"""PNN: pansharpening by convolutional neural networks (Masi et al., Remote Sensing 8, 2016)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression

__all__ = ["PNN"]

REACH = 8
"""Pixels that three unpadded convolutions take off at each side."""


class PNN(Regression):
    """Three convolutions without padding; the output is the image itself.

    The input is padded by its border pixels. The paper's radiometric indexes are left out.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(
            nn.Conv2d(config.bands + 1, 64, 9),
            nn.ReLU(),
            nn.Conv2d(64, 32, 5),
            nn.ReLU(),
            nn.Conv2d(32, config.bands, 5),
        )

    @property
    def multiple(self) -> int:
        """One MS pixel."""
        return RATIO

    @property
    def receptive_radius(self) -> int:
        """That of the convolutions."""
        return REACH

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        images = pad(torch.cat([lms, pan], dim=1), (REACH,) * 4, mode="replicate")
        fused: Tensor = self.layers(images)
        return fused - lms
