"""FusionNet: detail injection from PAN minus LMS (Deng et al., IEEE TGRS 59, 2021)."""

from torch import Tensor, nn

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression, ResBlock
from ssdiff_models.nets.baselines.weights import truncated_normal

__all__ = ["FusionNet"]

WIDTH = 32


class FusionNet(Regression):
    """A residual network on the difference of PAN and LMS, band by band."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self.layers = nn.Sequential(
            nn.Conv2d(config.bands, WIDTH, 3, padding=1),
            nn.ReLU(),
            *(ResBlock(WIDTH) for _ in range(4)),
            nn.Conv2d(WIDTH, config.bands, 3, padding=1),
        )
        truncated_normal(self.layers)

    @property
    def multiple(self) -> int:
        """One MS pixel."""
        return RATIO

    @property
    def receptive_radius(self) -> int:
        """That of ten convolutions."""
        return 10

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        detail: Tensor = self.layers(pan - lms)
        return detail
