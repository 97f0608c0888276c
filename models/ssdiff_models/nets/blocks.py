"""Building blocks of SSDiff: feature maps are ``(B, C, H, W)``, tokens ``(B, N, C)``."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, scaled_dot_product_attention, silu, threshold

__all__ = [
    "APFM",
    "FMIM",
    "Pointwise",
    "Stream",
    "TokenFusion",
    "conv3x3",
    "from_windows",
    "to_windows",
    "zeroed",
]

HEAD_DIM = 16
"""Channels of one attention head: S' of the paper."""
NEGLIGIBLE = 1e-30
"""Softmax weights below this become 0: products of denormal numbers take 20 times as long."""


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """Returns a 3 x 3 convolution that keeps the size of an image."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """Returns the layer with weights and bias 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def to_windows(features: Tensor, window: int) -> Tensor:
    """Cuts ``(B, C, H, W)`` into ``(B*windows, window, window, C)``."""
    batch, channels, height, width = features.shape
    pixels = features.permute(0, 2, 3, 1)
    cells = (batch, height // window, window, width // window, window, channels)
    grid = pixels.reshape(cells)
    return grid.transpose(2, 3).reshape(-1, window, window, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Joins ``(B*windows, window, window, C)`` to ``(B, C, H, W)``, in channels-last memory."""
    _, window, _, channels = windows.shape
    grid = windows.reshape(-1, height // window, width // window, window, window, channels)
    return grid.transpose(2, 3).reshape(-1, height, width, channels).permute(0, 3, 1, 2)


class _TimeEmbedding(nn.Module):
    """Sinusoids of the diffusion step, then two linear layers: ``(B,)`` to ``(B, width)``."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        # By numpy: on the meta device, torch would import its compiler for it, a second.
        frequencies = np.exp(-math.log(10000.0) * np.arange(half) / half).astype(np.float32)
        self.register_buffer("frequencies", torch.from_numpy(frequencies), persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None].float() * self.frequencies
        features = torch.cat([angles.cos(), angles.sin()], dim=1)
        embedded: Tensor = self.layers(features.to(self.frequencies.dtype))
        return embedded


class _TimeShift(nn.Linear):
    """A constant of each channel from the time embedding: ``(B, width)`` to ``(B, C, 1, 1)``."""

    def forward(self, embedding: Tensor) -> Tensor:
        return super().forward(embedding)[:, :, None, None]


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel: it takes no statistics over space."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _ResidualBlock(nn.Module):
    """Convolutions around a shortcut; the last one is zero at first."""

    def __init__(self, channels: int, time_width: int) -> None:
        super().__init__()
        self.squeeze = conv3x3(channels, channels // 2)
        self.widen = conv3x3(channels // 2, channels)
        self.time = _TimeShift(time_width, channels)
        self.norm = _ChannelNorm(channels)
        self.out = zeroed(conv3x3(channels, channels))

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.widen(leaky_relu(self.squeeze(features)))
        hidden = hidden + self.time(embedding)
        shifted: Tensor = features + self.out(silu(self.norm(hidden)))
        return shifted


class _Stem(nn.Module):
    """First features of a branch: a convolution, then a second one around a shortcut."""

    def __init__(self, inputs: int, channels: int, time_width: int) -> None:
        super().__init__()
        self.first = conv3x3(inputs, channels)
        self.time = _TimeShift(time_width, channels)
        self.norm = _ChannelNorm(channels)
        self.second = conv3x3(channels, channels)

    def forward(self, inputs: Tensor, embedding: Tensor) -> Tensor:
        features = self.first(inputs)
        hidden = silu(self.norm(features + self.time(embedding)))
        mixed: Tensor = features + self.second(hidden)
        return mixed


class _Down(nn.Module):
    """Halves the resolution and widens, by a strided and a depthwise-separable convolution."""

    def __init__(self, channels: int, wider: int, time_width: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(channels, channels, 2, stride=2)
        self.widen = nn.Conv2d(channels, wider, 1)
        self.time = _TimeShift(time_width, wider)
        self.depthwise = nn.Conv2d(wider, wider, 3, padding=1, groups=wider)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.widen(leaky_relu(self.halve(features)))
        return leaky_relu(self.depthwise(hidden + self.time(embedding)))


class _Up(nn.Module):
    """Doubles the resolution and adds the skip, ``(B, narrower, 2H, 2W)``."""

    def __init__(self, channels: int, narrower: int, time_width: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(channels, narrower, 2, stride=2)
        self.time = _TimeShift(time_width, narrower)
        self.mix = conv3x3(narrower, narrower)

    def forward(self, features: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        hidden = leaky_relu(self.enlarge(features)) + skip + self.time(embedding)
        return leaky_relu(self.mix(hidden))


class Stream(nn.Module):
    """The layers of one branch of a U-Net, level by level; the spectral branch has no blocks."""

    def __init__(
        self, inputs: int, widths: Sequence[int], time_width: int, *, blocks: bool
    ) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        deepest = len(steps) // 2
        self.time = _TimeEmbedding(time_width)
        self.stem = _Stem(inputs, widths[0], time_width)
        self.blocks = nn.ModuleList(
            _ResidualBlock(width, time_width) for width in widths[:-1] if blocks
        )
        self.downs = nn.ModuleList(_Down(*step, time_width) for step in steps[:deepest])
        self.ups = nn.ModuleList(_Up(*step, time_width) for step in steps[deepest:])

    def start(self, images: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first features ``(B, C, H, W)`` and the time embedding."""
        embedding: Tensor = self.time(t)
        return self.stem(images, embedding), embedding

    def step(self, level: int, features: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        """Returns the features of the next level; `skips` holds those to be added later."""
        if self.blocks:
            features = self.blocks[level](features, embedding)
        if level < len(self.downs):
            skips.append(features)
            down: Tensor = self.downs[level](features, embedding)
            return down
        up: Tensor = self.ups[level - len(self.downs)](features, skips.pop(), embedding)
        return up


class FMIM(nn.Module):
    """Frequency modulation (Eq. 11-12): damps low frequencies of the spatial features.

    ``ifft2(fft2(x) * alpha)`` on each window: alpha is `scale` on the bins -`bins` .. `bins` of
    both axes and 1 elsewhere. The mask is symmetric, so the result is real. A projection on so
    few bins is cheaper as two small matrix products than as a transform.
    """

    projection: Tensor

    def __init__(self, window: int, scale: float, bins: int = 1) -> None:
        super().__init__()
        self.scale = scale
        step = np.arange(window)
        angles = 2 * math.pi * (step[:, None] - step) / window
        low = np.ones_like(angles)
        for f in range(1, bins + 1):
            # At half the window, bins f and -f are the same.
            count = 1 if 2 * f == window else 2
            low += count * np.cos(angles * f)
        projection = (low / window).astype(np.float32)
        self.register_buffer("projection", torch.from_numpy(projection), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Filters ``(B*windows, window, window, C)``."""
        batch, side, _, channels = windows.shape
        low = self.projection.to(windows.dtype)
        rows = low @ windows.reshape(batch, side, side * channels)
        smooth = low @ rows.reshape(batch * side, side, channels)
        return windows - (1 - self.scale) * smooth.reshape(windows.shape)


class TokenFusion(nn.Module, ABC):
    """Fuses the spectral and spatial tokens of a window, then refines them by a perceptron."""

    def __init__(self, channels: int, maps: int) -> None:
        """Takes the channels of the tokens and of the maps that are combined."""
        super().__init__()
        self.norm_spa = nn.LayerNorm(channels)
        self.norm_spe = nn.LayerNorm(channels)
        self.spatial_maps = nn.Linear(channels, maps, bias=False)
        self.spectral_maps = nn.Linear(channels, maps, bias=False)
        self.merge = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, channels),
            nn.LeakyReLU(),
            nn.Linear(channels, channels),
        )

    @abstractmethod
    def combine(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, maps)`` to ``(B, N, C)``."""

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, C)`` to ``(B, N, C)``."""
        spatial_maps = self.spatial_maps(self.norm_spa(spatial))
        spectral_maps = self.spectral_maps(self.norm_spe(spectral))
        hidden = spectral + self.merge(self.combine(spectral_maps, spatial_maps))
        refined: Tensor = hidden + self.mlp(hidden)
        return refined


class APFM(TokenFusion):
    """Alternating projection fusion (Eq. 8-10).

    T_spa = Softmax(T_a T_b^T / sqrt(S')) T_c^T and T_spe = Softmax(T_c T_d^T sqrt(S'^3) / HW) T_a^T
    with T_a, T_b from the spatial and T_c, T_d from the spectral features. Both softmaxes run over
    the axis that the product sums over. T_fus = T_spa (.) T_spe.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * channels)
        self.heads = channels // HEAD_DIM

    def _split(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Splits ``(B, N, 2C)`` into two ``(B, heads, N, S')``."""
        batch, tokens, _ = maps.shape
        first, second = maps.view(batch, tokens, 2, self.heads, HEAD_DIM).permute(2, 0, 3, 1, 4)
        return first, second

    def combine(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, 2C)`` to ``(B, N, C)``."""
        batch, tokens, maps = spectral.shape
        t_a, t_b = self._split(spatial)
        t_c, t_d = self._split(spectral)
        t_spa = scaled_dot_product_attention(t_a, t_b, t_c)
        scale = math.sqrt(HEAD_DIM**3) / tokens
        weights = threshold((t_c.mT @ t_d * scale).softmax(dim=-1), NEGLIGIBLE, 0.0)
        t_spe = t_a @ weights.mT
        return (t_spa * t_spe).transpose(1, 2).reshape(batch, tokens, maps // 2)


class Pointwise(TokenFusion):
    """Adds or multiplies the tokens of the branches: the ablations V4 and V5 (Table 2)."""

    def __init__(self, channels: int, *, product: bool) -> None:
        super().__init__(channels, channels)
        self.product = product

    def combine(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, C)`` to ``(B, N, C)``."""
        return spatial * spectral if self.product else spatial + spectral
