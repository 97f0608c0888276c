"""PanNet: a deep network architecture for pan-sharpening (Yang et al., ICCV 2017)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression, ResBlock
from ssdiff_models.nets.baselines.weights import truncated_normal

__all__ = ["PanNet"]

WIDTH = 32


def _high_pass(image: Tensor) -> Tensor:
    """Takes off the mean of 5 x 5 pixels; borders are mirrored without repeating the edge."""
    return image - avg_pool2d(pad(image, (2, 2, 2, 2), mode="reflect"), 5, stride=1)


class PanNet(Regression):
    """A residual network on the high frequencies of the PAN and of the MS at its own resolution."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        bands = config.bands
        self.up = nn.ConvTranspose2d(bands, bands, 2 * RATIO, stride=RATIO, padding=RATIO // 2)
        self.layers = nn.Sequential(
            nn.Conv2d(bands + 1, WIDTH, 3, padding=1),
            nn.ReLU(),
            *(ResBlock(WIDTH) for _ in range(4)),
            nn.Conv2d(WIDTH, bands, 3, padding=1),
        )
        truncated_normal(self.layers)

    @property
    def multiple(self) -> int:
        """Four MS pixels: fewer cannot be mirrored."""
        return 4 * RATIO

    @property
    def receptive_radius(self) -> int:
        """Ten convolutions, a quarter of the transposed one's kernel, two MS pixels of the mean."""
        return 10 + RATIO // 2 + 2 * RATIO

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        high = torch.cat([self.up(_high_pass(ms)), _high_pass(pan)], dim=1)
        detail: Tensor = self.layers(high)
        return detail
