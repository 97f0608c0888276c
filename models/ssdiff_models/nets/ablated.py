"""The ablations V1 to V3 of the paper's Table 2: the same branches without their meetings."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.blocks import Down, ResidualBlock, Stem, TimeEmbedding, Up
from ssdiff_models.nets.ssdiff import LEVELS, Branch, SSDiff, SSDiffConfig

__all__ = ["SeparateSSDiff", "build"]

MEETING = ("full", "add", "multiply")


def build(config: SSDiffConfig) -> nn.Module:
    """Returns the network of a config: `SSDiff`, or what is left of it."""
    return SSDiff(config) if config.variant in MEETING else SeparateSSDiff(config)


class _Stream(nn.Module):
    """A U-Net of one branch's layers; the spectral branch has no residual blocks."""

    def __init__(self, config: SSDiffConfig, inputs: int, *, blocks: bool) -> None:
        super().__init__()
        widths, time = config.widths, config.time_width
        self.time = TimeEmbedding(time)
        self.stem = Stem(inputs, config.dim, time)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, time) if blocks else nn.Identity() for width in widths[:-1]
        )
        self.downs = nn.ModuleList(Down(widths[i], widths[i + 1], time) for i in range(LEVELS // 2))
        self.ups = nn.ModuleList(
            Up(widths[i], widths[i + 1], time) for i in range(LEVELS // 2, LEVELS - 1)
        )

    def forward(self, images: Tensor, t: Tensor) -> Tensor:
        """Maps ``(B, inputs, H, W)`` to ``(B, dim, H, W)``."""
        embedding = self.time(t)
        features: Tensor = self.stem(images, embedding)
        skips: list[Tensor] = []
        for level, block in enumerate(self.blocks):
            features = features if isinstance(block, nn.Identity) else block(features, embedding)
            if level < len(self.downs):
                skips.append(features)
                features = self.downs[level](features, embedding)
            else:
                features = self.ups[level - len(self.downs)](features, skips.pop(), embedding)
        return features


class SeparateSSDiff(nn.Module):
    """One branch that sees all inputs (V1, V2), or both side by side, joined by the last convolutions (V3)."""

    def __init__(self, config: SSDiffConfig) -> None:
        super().__init__()
        self.config = config
        both = config.variant == "concat"
        coupled = 1 + 2 * config.bands
        if both or config.variant == "spatial":
            self.spatial = _Stream(config, 1 + config.bands if both else coupled, blocks=True)
        if both or config.variant == "spectral":
            self.spectral = _Stream(config, 2 * config.bands if both else coupled, blocks=False)
        self.head = nn.ModuleList(
            [
                nn.Conv2d((1 + both) * config.dim, config.dim, 3, padding=1),
                nn.Conv2d(config.dim, config.bands, 3, padding=1),
            ]
        )
        for parameter in self.head[1].parameters():
            nn.init.zeros_(parameter)

    @property
    def multiple(self) -> int:
        """What the height and width of a tile must be multiples of, in PAN pixels."""
        return self.config.window

    @property
    def readout(self) -> nn.Module:
        """The last layer, as `SSDiff.readout`."""
        return self.head[1]

    @property
    def receptive_radius(self) -> int:
        """No input pixel further than this, in PAN pixels, influences an output pixel."""
        return 64

    def branch_of(self, name: str) -> Branch | None:
        """Tells which branch the parameter of that name belongs to; None where there is one branch only."""
        if self.config.variant != "concat":
            return None
        return "spatial" if name.startswith("spatial.") else "spectral"

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state, as `SSDiff.forward`."""
        del ms
        if lms.shape[1] != self.config.bands:
            raise ModelError(
                f"the network was built for {self.config.bands} bands, got {lms.shape[1]}"
            )
        if self.config.variant == "concat":
            streams = [
                self.spatial(torch.cat([pan, x_t], 1), t),
                self.spectral(torch.cat([lms, x_t], 1), t),
            ]
        else:
            alone = self.spatial if self.config.variant == "spatial" else self.spectral
            streams = [alone(torch.cat([pan, lms, x_t], 1), t)]
        residual: Tensor = self.head[1](leaky_relu(self.head[0](torch.cat(streams, 1))))
        return residual
