"""MSDCNN: a multi-scale and multi-depth network (Yuan et al., IEEE JSTARS 11, 2018)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression

__all__ = ["MSDCNN"]


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


class _MultiScale(nn.Module):
    """``ReLU(x + y)``, y of three parallel convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_conv(channels, channels // 3, side) for side in (3, 5, 7))

    def forward(self, features: Tensor) -> Tensor:
        scales = torch.cat([scale(features) for scale in self.scales], dim=1)
        return relu(features + scales)


class MSDCNN(Regression):
    """The sum of a deep and a shallow network; the output is the image itself.

    Activations are where SSDiff's group has them: after the sums of the multi-scale blocks, and
    on the output. There, a band below zero everywhere would never learn: the last bias starts at
    1, the mean of a band.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        inputs = config.bands + 1
        self.deep = nn.Sequential(
            _conv(inputs, 60, 7),
            nn.ReLU(),
            _MultiScale(60),
            _conv(60, 30, 3),
            nn.ReLU(),
            _MultiScale(30),
            _conv(30, config.bands, 5),
        )
        last = _conv(32, config.bands, 5)
        self.shallow = nn.Sequential(
            _conv(inputs, 64, 9), nn.ReLU(), _conv(64, 32, 1), nn.ReLU(), last
        )
        assert last.bias is not None
        nn.init.ones_(last.bias)

    @property
    def multiple(self) -> int:
        """One MS pixel."""
        return RATIO

    @property
    def receptive_radius(self) -> int:
        """That of the deep network: kernels 7, 7, 3, 7 and 5."""
        return 12

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        images = torch.cat([lms, pan], dim=1)
        fused = relu(self.deep(images) + self.shallow(images))
        return fused - lms
