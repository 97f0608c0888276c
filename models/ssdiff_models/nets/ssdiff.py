"""SSDiff as published (NeurIPS 2024): a spatial and a spectral branch, joined by APFM and FMIM at five levels of a U-Net."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.blocks import (
    APFM,
    FMIM,
    HEAD_DIM,
    Down,
    Pointwise,
    ResidualBlock,
    Stem,
    TimeEmbedding,
    Up,
    from_windows,
    to_windows,
)

__all__ = ["LEVELS", "Branch", "SSDiff", "SSDiffConfig", "Variant"]

Branch = Literal["spatial", "spectral"]
Variant = Literal["full", "add", "multiply", "concat", "spatial", "spectral"]
"""The paper's V6 (Table 2), APFM as a sum (V4) or a product (V5), branches that meet only at the end (V3), one branch (V1, V2)."""
LEVELS = 5
DEEPEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SSDiffConfig:
    """Everything that shapes an `SSDiff`; the values of the paper unless said otherwise."""

    bands: int
    """MS bands."""
    ratio: int = 4
    """PAN pixels per MS pixel."""
    dim: int = 32
    """Channels at full resolution, a multiple of 16; twice and four times as many at the lower two."""
    window: int = 32
    """Side in PAN pixels of the windows that attention and FMIM work in, a multiple of 4; the lower levels see the same ground."""
    time_width: int = 128
    """Width of the time embedding of each branch (the paper's code has 512)."""
    spectral_gains: tuple[float, float, float] = (1.2, 1.4, 1.6)
    """FMIM: factors of the first half of the spectral channels, by width."""
    spatial_scales: tuple[float, float, float] = (0.9, 0.6, 0.3)
    """FMIM: what is left of the low frequencies of the spatial features, by width."""
    variant: Variant = "full"
    """What is left of the network: for ablations."""
    fmim: bool = True
    """Whether frequencies are modulated where the branches meet (Table 3)."""
    ms_skip: bool = False
    """Adds a learned pixel-shuffle of the MS to the output; not in the paper, but in its code."""

    def __post_init__(self) -> None:
        if not self.bands >= 1:
            raise ModelError(f"a network needs at least one band, got {self.bands}")
        if self.ratio not in (2, 4):
            raise ModelError(f"the ratio must be 2 or 4, got {self.ratio}")
        if self.dim % HEAD_DIM or self.dim <= 0:
            raise ModelError(f"the width must be a positive multiple of {HEAD_DIM}, got {self.dim}")
        if self.variant not in get_args(Variant):
            raise ModelError(
                f"no variant {self.variant!r} of the network: known are {', '.join(get_args(Variant))}"
            )
        if self.window % 4 or self.window < 8:
            raise ModelError(
                f"the attention window must be a multiple of 4 and at least 8, got {self.window}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at the five levels."""
        return (self.dim, 2 * self.dim, 4 * self.dim, 2 * self.dim, self.dim)


class _Injection(nn.Module):
    """One level's meeting of the branches: FMIM on both streams, then APFM inside windows."""

    def __init__(self, config: SSDiffConfig, level: int) -> None:
        super().__init__()
        depth = min(level, LEVELS - 1 - level)
        channels = config.widths[level]
        self.window = config.window >> depth
        self.fmim = FMIM(self.window, config.spatial_scales[depth] if config.fmim else 1.0)
        self.apfm = (
            APFM(channels)
            if config.variant == "full"
            else Pointwise(channels, product=config.variant == "multiply")
        )
        gains = torch.ones(channels)
        gains[: channels // 2] = config.spectral_gains[depth] if config.fmim else 1.0
        self.register_buffer("gains", gains, persistent=False)
        self.gains: Tensor

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, C, H, W)`` to the new spectral features."""
        height, width = spectral.shape[-2:]
        filtered = self.fmim(to_windows(spatial, self.window))
        tokens = to_windows(spectral, self.window) * self.gains.to(spectral.dtype)
        fused = self.apfm(tokens.flatten(1, 2), filtered.flatten(1, 2))
        return from_windows(fused.view(tokens.shape), height, width)


class SSDiff(nn.Module):
    """Predicts the residual HRMS - LMS from PAN, LMS, MS and a noisy residual."""

    def __init__(self, config: SSDiffConfig) -> None:
        super().__init__()
        self.config = config
        widths, time = config.widths, config.time_width
        self.spatial = nn.ModuleDict(
            {
                "time": TimeEmbedding(time),
                "stem": Stem(1 + config.bands, config.dim, time),
                "blocks": nn.ModuleList(ResidualBlock(width, time) for width in widths[:-1]),
                "downs": nn.ModuleList(
                    Down(widths[i], widths[i + 1], time) for i in range(DEEPEST)
                ),
                "ups": nn.ModuleList(
                    Up(widths[i], widths[i + 1], time) for i in range(DEEPEST, LEVELS - 1)
                ),
            }
        )
        self.spectral = nn.ModuleDict(
            {
                "time": TimeEmbedding(time),
                "stem": Stem(2 * config.bands, config.dim, time),
                "downs": nn.ModuleList(
                    Down(widths[i], widths[i + 1], time) for i in range(DEEPEST)
                ),
                "ups": nn.ModuleList(
                    Up(widths[i], widths[i + 1], time) for i in range(DEEPEST, LEVELS - 1)
                ),
            }
        )
        self.injections = nn.ModuleList(_Injection(config, level) for level in range(LEVELS))
        self.head = nn.ModuleList(
            [
                nn.Conv2d(config.dim, config.dim, 3, padding=1),
                nn.Conv2d(config.dim, config.bands, 3, padding=1),
            ]
        )
        self.skip = (
            nn.Conv2d(config.bands, config.bands * config.ratio**2, 3, padding=1, bias=False)
            if config.ms_skip
            else None
        )
        for zeroed in [self.head[1]] + ([self.skip] if self.skip is not None else []):
            for parameter in zeroed.parameters():
                nn.init.zeros_(parameter)

    @property
    def multiple(self) -> int:
        """What the height and width of a tile must be multiples of, in PAN pixels."""
        return self.config.window

    @property
    def readout(self) -> nn.Module:
        """The last layer, a 3 x 3 convolution: how much of each feature belongs to each band."""
        return self.head[1]

    @property
    def receptive_radius(self) -> int:
        """No input pixel further than this, in PAN pixels, influences an output pixel.

        Each of the five injections spreads over a window, and the convolutions between them reach into the next window at most; in windows
        as small as 8 the spatial branch, whose convolutions reach 45 pixels by the last injection, is what reaches furthest.
        """
        return max(6 * self.config.window, 56)

    def branch_of(self, name: str) -> Branch:
        """Tells which branch the parameter of that name belongs to: T_a and T_b to the spatial one, the rest of APFM to the other."""
        spatial = (
            name.startswith("spatial.")
            or ".apfm.spatial_maps." in name
            or ".apfm.norm_spa." in name
        )
        return "spatial" if spatial else "spectral"

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state from the noisy one.

        Args:
            lms: ``(B, bands, H, W)``, normalised; H and W multiples of the window.
            pan: ``(B, 1, H, W)``, normalised.
            ms: ``(B, bands, H/ratio, W/ratio)``, normalised.
            x_t: ``(B, bands, H, W)``, the noisy residual.
            t: ``(B,)``, the diffusion step.

        Returns:
            ``(B, bands, H, W)``: the residual, in the scale of `x_t`.

        Raises:
            ModelError: When the tile's size or band count does not fit the network.
        """
        self._check(lms)
        spatial_time, spectral_time = self.spatial["time"](t), self.spectral["time"](t)
        spatial = self.spatial["stem"](torch.cat([pan, x_t], dim=1), spatial_time)
        spectral = self.spectral["stem"](torch.cat([lms, x_t], dim=1), spectral_time)
        skips: list[tuple[Tensor, Tensor]] = []
        for level, inject in enumerate(self.injections):
            spectral = inject(spectral, spatial)
            if level == LEVELS - 1:
                break
            spatial = self.spatial["blocks"][level](spatial, spatial_time)  # type: ignore[index]
            if level < DEEPEST:
                skips.append((spatial, spectral))
                spatial = self.spatial["downs"][level](spatial, spatial_time)  # type: ignore[index]
                spectral = self.spectral["downs"][level](spectral, spectral_time)  # type: ignore[index]
            else:
                spatial_skip, spectral_skip = skips.pop()
                spatial = self.spatial["ups"][level - DEEPEST](spatial, spatial_skip, spatial_time)  # type: ignore[index]
                up = self.spectral["ups"][level - DEEPEST]  # type: ignore[index]
                spectral = up(spectral, spectral_skip, spectral_time)
        residual: Tensor = self.head[1](leaky_relu(self.head[0](spectral)))
        return (
            residual
            if self.skip is None
            else residual + pixel_shuffle(self.skip(ms), self.config.ratio)
        )

    def _check(self, lms: Tensor) -> None:
        bands, height, width = lms.shape[-3:]
        if bands != self.config.bands:
            raise ModelError(f"the network was built for {self.config.bands} bands, got {bands}")
        if height % self.multiple or width % self.multiple:
            raise ModelError(
                f"a tile of {height} x {width} pixels does not fit: both must be multiples of {self.multiple}"
            )
