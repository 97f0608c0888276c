"""The ablations V1 to V3 of the paper's Table 2: the branches without their injections."""

import torch
from torch import Tensor

from ssdiff_models.nets.blocks import Stream
from ssdiff_models.nets.network import Branch, Network
from ssdiff_models.nets.ssdiff import LEVELS, PaperNetwork, SSDiff, SSDiffConfig

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


class SeparateSSDiff(PaperNetwork):
    """One branch that sees all inputs (V1, V2), or two that only the last layers join (V3)."""

    def __init__(self, config: SSDiffConfig) -> None:
        super().__init__(config)
        bands = config.bands
        time = config.time_width
        both = config.variant == "concat"
        coupled = 1 + 2 * bands
        if config.variant != "spectral":
            inputs = self.channels(1 + bands if both else coupled)
            self.spatial = Stream(inputs, config.widths, time, blocks=True)
        if config.variant != "spatial":
            inputs = self.channels(2 * bands if both else coupled)
            self.spectral = Stream(inputs, config.widths, time, blocks=False)
        self.add_head((1 + both) * config.dim)

    @property
    def receptive_radius(self) -> int:
        """The reach of the convolutions."""
        return 64 * self.stride

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
            spatial = _features(self.spatial, self.joined(pan, x_t), t)
            spectral = _features(self.spectral, self.joined(lms, x_t), t)
            features = torch.cat([spatial, spectral], 1)
        else:
            stream = self.spatial if self.config.variant == "spatial" else self.spectral
            features = _features(stream, self.joined(pan, lms, x_t), t)
        return self.residual(features)
