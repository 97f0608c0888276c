"""SSDiff as published (NeurIPS 2024): two branches of a U-Net, joined by APFM and FMIM."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle, pixel_unshuffle

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.blocks import (
    APFM,
    FMIM,
    HEAD_DIM,
    Pointwise,
    Stream,
    conv3x3,
    from_windows,
    to_windows,
    zeroed,
)
from ssdiff_models.nets.network import Branch, Network, NetworkConfig

__all__ = ["LEVELS", "PaperNetwork", "SSDiff", "SSDiffConfig", "Variant"]

Variant = Literal["full", "add", "multiply", "concat", "spatial", "spectral"]
"""The paper's V6 (Table 2) and its ablations.

APFM is a sum (V4) or a product (V5), the branches meet only at the end (V3), or there is only
one branch (V1, V2).
"""
LEVELS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SSDiffConfig(NetworkConfig):
    """What shapes an `SSDiff`; the values are the paper's where nothing else is said."""

    ratio: int = 4
    """PAN pixels per MS pixel."""
    dim: int = 32
    """Channels at full resolution, a multiple of 16; two and four times as many at lower levels."""
    window: int = 32
    """Side in PAN pixels of the windows of attention and FMIM, a multiple of 4.

    The windows of the lower levels cover the same ground.
    """
    unshuffle: int = 1
    """Side in PAN pixels of the squares that become channels before the first layer; 1: none."""
    time_width: int = 128
    """Width of the time embedding of each branch (512 in the paper's code)."""
    spectral_gains: tuple[float, float, float] = (1.2, 1.4, 1.6)
    """FMIM: factors of the first half of the spectral channels, by depth."""
    spatial_scales: tuple[float, float, float] = (0.9, 0.6, 0.3)
    """FMIM: factors of the low frequencies of the spatial features, by depth."""
    variant: Variant = "full"
    """Which ablation."""
    fmim: bool = True
    """Whether frequencies are modulated where the branches meet (Table 3)."""
    ms_skip: bool = False
    """Adds a learned pixel-shuffle of the MS to the output; in the paper's code only."""

    def __post_init__(self) -> None:
        if not self.bands >= 1:
            raise ModelError(f"a network needs at least one band, got {self.bands}")
        if self.ratio not in (2, 4):
            raise ModelError(f"the ratio must be 2 or 4, got {self.ratio}")
        if self.dim % HEAD_DIM or self.dim <= 0:
            raise ModelError(f"the width must be a positive multiple of {HEAD_DIM}, got {self.dim}")
        if self.variant not in get_args(Variant):
            known = ", ".join(get_args(Variant))
            raise ModelError(f"no variant {self.variant!r} of the network: known are {known}")
        if self.unshuffle not in (1, 2, 4) or self.ratio % self.unshuffle:
            raise ModelError(
                f"the squares that become channels must be 1, 2 or 4 pixels wide and fit into an "
                f"MS pixel of {self.ratio}, got {self.unshuffle}"
            )
        least = 4 * self.unshuffle
        if self.window % least or self.window < 2 * least:
            raise ModelError(
                f"the attention window must be a multiple of {least} and at least {2 * least}, "
                f"got {self.window}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at the five levels."""
        return (self.dim, 2 * self.dim, 4 * self.dim, 2 * self.dim, self.dim)


class _Injection(nn.Module):
    """Joins the branches at one level: FMIM on both streams, then APFM inside windows."""

    gains: Tensor

    def __init__(self, config: SSDiffConfig, level: int) -> None:
        super().__init__()
        depth = min(level, LEVELS - 1 - level)
        channels = config.widths[level]
        self.window = config.window // config.unshuffle >> depth
        self.fmim = FMIM(self.window, config.spatial_scales[depth] if config.fmim else 1.0)
        if config.variant == "full":
            self.apfm: nn.Module = APFM(channels)
        else:
            self.apfm = Pointwise(channels, product=config.variant == "multiply")
        gains = torch.ones(channels)
        gains[: channels // 2] = config.spectral_gains[depth] if config.fmim else 1.0
        self.register_buffer("gains", gains, persistent=False)

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, C, H, W)`` to the new spectral features."""
        height, width = spectral.shape[-2:]
        filtered = self.fmim(to_windows(spatial, self.window))
        tokens = to_windows(spectral, self.window) * self.gains.to(spectral.dtype)
        fused = self.apfm(tokens.flatten(1, 2), filtered.flatten(1, 2))
        return from_windows(fused.view(tokens.shape), height, width)


class PaperNetwork(Network):
    """What `SSDiff` and its ablations share: the config and the layers from features to bands."""

    config: SSDiffConfig
    head: nn.ModuleList

    def add_head(self, inputs: int) -> None:
        """Adds the last two convolutions, the second one zero."""
        first = conv3x3(inputs, self.config.dim)
        last = zeroed(conv3x3(self.config.dim, self.channels(self.config.bands)))
        self.head = nn.ModuleList([first, last])

    @property
    def multiple(self) -> int:
        """The window of attention."""
        return self.config.window

    @property
    def stride(self) -> int:
        """The side of the squares that become channels."""
        return self.config.unshuffle

    def channels(self, images: int) -> int:
        """Returns the channels that so many images become."""
        return images * self.stride**2

    def joined(self, *images: Tensor) -> Tensor:
        """Joins images ``(B, n, H, W)`` to the input of a branch."""
        return pixel_unshuffle(torch.cat(images, dim=1), self.stride)

    @property
    def last_layer(self) -> nn.Conv2d:
        """The second convolution of the head."""
        layer = self.head[1]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def residual(self, features: Tensor) -> Tensor:
        """Maps features ``(B, inputs, H/stride, W/stride)`` to ``(B, bands, H, W)``."""
        squares = self.head[1](leaky_relu(self.head[0](features)))
        return pixel_shuffle(squares, self.stride)


class SSDiff(PaperNetwork):
    """The network of the paper."""

    def __init__(self, config: SSDiffConfig) -> None:
        super().__init__(config)
        bands = config.bands
        spatial_inputs = self.channels(1 + bands)
        spectral_inputs = self.channels(2 * bands)
        self.spatial = Stream(spatial_inputs, config.widths, config.time_width, blocks=True)
        self.spectral = Stream(spectral_inputs, config.widths, config.time_width, blocks=False)
        self.injections = nn.ModuleList(_Injection(config, level) for level in range(LEVELS))
        self.add_head(config.dim)
        self.skip: nn.Conv2d | None = None
        if config.ms_skip:
            shuffled = bands * config.ratio**2
            self.skip = zeroed(nn.Conv2d(bands, shuffled, 3, padding=1, bias=False))

    @property
    def receptive_radius(self) -> int:
        """Each injection spreads over a window, and the convolutions between into the next.

        In windows of 8 pixels the convolutions of the spatial branch reach farthest: 45 pixels.
        """
        return max(6 * self.config.window, 56 * self.stride)

    def branch_of(self, name: str) -> Branch:
        """Gives T_a and T_b to the spatial branch, the rest of APFM to the spectral one."""
        parts = name.split(".")
        spatial = parts[0] == "spatial" or "spatial_maps" in parts or "norm_spa" in parts
        return "spatial" if spatial else "spectral"

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state (Fig. 2 of the paper)."""
        self.check_tile(lms)
        spatial, spatial_time = self.spatial.start(self.joined(pan, x_t), t)
        spectral, spectral_time = self.spectral.start(self.joined(lms, x_t), t)
        spatial_skips: list[Tensor] = []
        spectral_skips: list[Tensor] = []
        for level in range(LEVELS - 1):
            spectral = self.injections[level](spectral, spatial)
            spatial = self.spatial.step(level, spatial, spatial_time, spatial_skips)
            spectral = self.spectral.step(level, spectral, spectral_time, spectral_skips)
        spectral = self.injections[LEVELS - 1](spectral, spatial)
        residual = self.residual(spectral)
        if self.skip is None:
            return residual
        return residual + pixel_shuffle(self.skip(ms), self.config.ratio)
