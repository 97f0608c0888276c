"""What the networks of the paper's table have in common."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.network import Network, NetworkConfig

__all__ = ["RATIO", "Baseline", "BaselineConfig", "Regression", "ResBlock"]

RATIO = 4
"""PAN pixels per MS pixel that the networks are drawn for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineConfig(NetworkConfig):
    """What shapes a baseline: nothing but the bands."""

    ratio: int = RATIO
    """PAN pixels per MS pixel."""

    def __post_init__(self) -> None:
        if not self.bands >= 1:
            raise ModelError(f"a network needs at least one band, got {self.bands}")
        if self.ratio != RATIO:
            raise ModelError(f"the paper's baselines are for ratio {RATIO}, got {self.ratio}")


class Baseline(Network):
    """A network of one branch."""

    @property
    def last_layer(self) -> nn.Conv2d:
        """None of the baselines is adapted to a scene.

        Raises:
            ModelError: Always.
        """
        kind = type(self).__name__
        raise ModelError(f"a network of type {kind} is not adapted: choose another --model")

    def tiling(self, patch: int) -> tuple[int, int]:
        """Returns step and overlap that leave the cores of tiles as in the whole image.

        Where a pixel depends on the whole tile, that is a patch: statistics are those of training.
        """
        multiple = self.multiple
        radius = self.receptive_radius
        if radius is not None:
            return 256, -(-radius // multiple) * multiple
        overlap = min(max(patch // 4 // multiple * multiple, multiple), patch - multiple)
        return patch - overlap, overlap

    def branch_of(self, name: str) -> None:
        """Returns None: there is one branch."""


class Regression(Baseline):
    """A network that maps the images to the fused one at once, and knows no diffusion."""

    @property
    def diffuses(self) -> bool:
        """It sees no noisy state."""
        return False

    @abstractmethod
    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks, ``(B, bands, H, W)``.

        Images are as in `forward`, but 0 is black: zero padding, rectified outputs and
        differences of PAN and MS then mean what they do in the papers.
        """

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the residual from the images alone."""
        del x_t, t
        self.check_tile(lms)
        return self.detail(lms + 1, pan + 1, ms + 1)


class ResBlock(nn.Module):
    """``x + conv(ReLU(conv(x)))``, 3 x 3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels, channels, 3, padding=1)
        second = nn.Conv2d(channels, channels, 3, padding=1)
        self.layers = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, features: Tensor) -> Tensor:
        """Maps ``(B, channels, H, W)`` to the same shape."""
        change: Tensor = self.layers(features)
        return features + change
