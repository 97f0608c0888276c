"""The ablations V1 to V3 of the paper's Table 2: the branches without their injections."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ssdiff_models.nets.blocks import Stream, zeroed
from ssdiff_models.nets.network import Branch, Network
from ssdiff_models.nets.ssdiff import LEVELS, SSDiff, SSDiffConfig

__all__ = ["SeparateSSDiff", "build"]


def build(config: SSDiffConfig) -> Network:
    """Returns the network of a config: `SSDiff`, or one of its ablations."""
    return (
        SSDiff(config) if config.variant in {"full", "add", "multiply"} else SeparateSSDiff(config)
    )


def _features(stream: Stream, images: Tensor, t: Tensor) -> Tensor:
    features, embedding = stream.start(images, t)
    skips: list[Tensor] = []
    for level in range(LEVELS - 1):
        features = stream.step(level, features, embedding, skips)
    return features


class SeparateSSDiff(Network):
    """One branch that sees all inputs (V1, V2), or two that only the last layers join (V3)."""

    config: SSDiffConfig

    def __init__(self, config: SSDiffConfig) -> None:
        super().__init__(config)
        bands, dim, time = config.bands, config.dim, config.time_width
        both = config.variant == "concat"
        coupled = 1 + 2 * bands
        if config.variant != "spectral":
            inputs = 1 + bands if both else coupled
            self.spatial = Stream(inputs, config.widths, time, blocks=True)
        if config.variant != "spatial":
            inputs = 2 * bands if both else coupled
            self.spectral = Stream(inputs, config.widths, time, blocks=False)
        first = nn.Conv2d((1 + both) * dim, dim, 3, padding=1)
        self.head = nn.ModuleList([first, zeroed(nn.Conv2d(dim, bands, 3, padding=1))])

    @property
    def multiple(self) -> int:
        """The window that the whole network has."""
        return self.config.window

    @property
    def receptive_radius(self) -> int:
        """The reach of the convolutions."""
        return 64

    @property
    def last_layer(self) -> nn.Conv2d:
        """The second convolution of the head."""
        layer = self.head[1]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def branch_of(self, name: str) -> Branch | None:
        """Gives the head to the spectral branch."""
        if self.config.variant != "concat":
            return None
        return "spatial" if name.startswith("spatial.") else "spectral"

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state."""
        del ms
        self.check_tile(lms)
        if self.config.variant == "concat":
            spatial = _features(self.spatial, torch.cat([pan, x_t], 1), t)
            spectral = _features(self.spectral, torch.cat([lms, x_t], 1), t)
            features = torch.cat([spatial, spectral], 1)
        else:
            stream = self.spatial if self.config.variant == "spatial" else self.spectral
            features = _features(stream, torch.cat([pan, lms, x_t], 1), t)
        residual: Tensor = self.head[1](leaky_relu(self.head[0](features)))
        return residual
