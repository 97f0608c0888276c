"""LAGConv: local-context adaptive convolution kernels (Jin et al., AAAI 2022), as LAGNet."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, relu, unfold

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression

__all__ = ["LAGConv"]

WIDTH = 32
TAPS = 9


class _Adaptive(nn.Module):
    """A 3 x 3 convolution whose taps are weighted at each pixel, with a bias from the image's mean.

    The weights of the taps are the same for all channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(inputs, TAPS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(TAPS, TAPS, 1),
            nn.ReLU(),
            nn.Conv2d(TAPS, TAPS, 1),
            nn.Sigmoid(),
        )
        self.bias = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1), nn.ReLU(), nn.Conv2d(outputs, outputs, 1)
        )
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        shifted = unfold(features, 3, padding=1).view(batch, channels, TAPS, height, width)
        gated = shifted * self.gate(features)[:, None]
        kernel = self.weight.reshape(len(self.weight), -1, 1, 1)
        mean = features.mean((2, 3), keepdim=True)
        mixed: Tensor = conv2d(gated.flatten(1, 2), kernel) + self.bias(mean)
        return mixed


class _Block(nn.Module):
    """Two adaptive convolutions around a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Adaptive(WIDTH, WIDTH)
        self.second = _Adaptive(WIDTH, WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.second(relu(self.first(features)))
        return features + change


class LAGConv(Regression):
    """A residual network of adaptive convolutions; means make a pixel depend on the whole tile."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(
            _Adaptive(config.bands + 1, WIDTH),
            nn.ReLU(),
            *(_Block() for _ in range(5)),
            _Adaptive(WIDTH, config.bands),
        )

    @property
    def multiple(self) -> int:
        """Four MS pixels."""
        return 4 * RATIO

    @property
    def receptive_radius(self) -> None:
        """The whole tile, by its mean."""
        return None

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        detail: Tensor = self.layers(torch.cat([pan, lms], dim=1))
        return detail
