"""DiCNN1: detail injection by a convolutional network (He et al., IEEE JSTARS 12, 2019)."""

import torch
from torch import Tensor, nn

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression
from ssdiff_models.nets.baselines.weights import truncated_normal

__all__ = ["DiCNN"]

WIDTH = 64


class DiCNN(Regression):
    """Three convolutions that find the detail to be injected into the LMS."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(
            nn.Conv2d(config.bands + 1, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, config.bands, 3, padding=1),
        )
        truncated_normal(self.layers)

    @property
    def multiple(self) -> int:
        """One MS pixel."""
        return RATIO

    @property
    def receptive_radius(self) -> int:
        """That of three convolutions."""
        return 3

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        detail: Tensor = self.layers(torch.cat([lms, pan], dim=1))
        return detail
