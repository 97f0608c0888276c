"""Building blocks of SSDiff: windows, APFM, FMIM, residual, down and up. Feature maps are ``(B, C, H, W)``, tokens ``(B, N, C)``."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, scaled_dot_product_attention, silu, threshold

__all__ = [
    "APFM",
    "FMIM",
    "Down",
    "Pointwise",
    "ResidualBlock",
    "Stem",
    "TimeEmbedding",
    "Up",
    "from_windows",
    "to_windows",
]

HEAD_DIM = 16
"""Channels of one attention head: S' of the paper."""
NEGLIGIBLE = 1e-30
"""Weights of a softmax below this are taken for 0: no sum notices them, but products of denormal numbers take up to 20 times as long."""


def to_windows(features: Tensor, window: int) -> Tensor:
    """Cuts ``(B, C, H, W)`` into ``(B*windows, window, window, C)``; H and W are multiples of `window`."""
    batch, channels, height, width = features.shape
    grid = features.permute(0, 2, 3, 1).reshape(
        batch, height // window, window, width // window, window, channels
    )
    return grid.transpose(2, 3).reshape(-1, window, window, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Puts ``(B*windows, window, window, C)`` back together as ``(B, C, H, W)``, in channels-last memory."""
    window, channels = windows.shape[1], windows.shape[-1]
    grid = windows.reshape(-1, height // window, width // window, window, window, channels)
    return grid.transpose(2, 3).reshape(-1, height, width, channels).permute(0, 3, 1, 2)


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding of the diffusion step, then a two-layer perceptron: ``(B,)`` to ``(B, width)``."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.register_buffer(
            "frequencies",
            torch.exp(-math.log(10000.0) * torch.arange(half) / half),
            persistent=False,
        )
        self.layers = nn.Sequential(nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """Embeds integer steps ``(B,)``."""
        angles = t[:, None].float() * self.frequencies
        embedded: Tensor = self.layers(
            torch.cat([angles.cos(), angles.sin()], dim=1).to(self.frequencies.dtype)
        )
        return embedded


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel: no statistics over space, so a tile's content stays local."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalises ``(B, C, H, W)``."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two convolutions, the time step, normalisation and a zero-initialised convolution around a shortcut."""

    def __init__(self, channels: int, time_width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.widen = nn.Conv2d(channels // 2, channels, 3, padding=1)
        self.time = nn.Linear(time_width, channels)
        self.norm = ChannelNorm(channels)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` and ``(B, time_width)`` to ``(B, C, H, W)``."""
        hidden = self.widen(leaky_relu(self.squeeze(features)))
        hidden = hidden + self.time(embedding)[:, :, None, None]
        shifted: Tensor = features + self.out(silu(self.norm(hidden)))
        return shifted


class Stem(nn.Module):
    """First features of a branch: a convolution of its inputs, the time step, and a second convolution around a shortcut."""

    def __init__(self, inputs: int, channels: int, time_width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, padding=1)
        self.time = nn.Linear(time_width, channels)
        self.norm = ChannelNorm(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, inputs: Tensor, embedding: Tensor) -> Tensor:
        """Maps ``(B, inputs, H, W)`` and ``(B, time_width)`` to ``(B, C, H, W)``."""
        features = self.first(inputs)
        hidden = silu(self.norm(features + self.time(embedding)[:, :, None, None]))
        mixed: Tensor = features + self.second(hidden)
        return mixed


class Down(nn.Module):
    """Halves the resolution and widens: 2 x 2 convolution of stride 2, then a depthwise-separable one, with the time step."""

    def __init__(self, channels: int, wider: int, time_width: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(channels, channels, 2, stride=2)
        self.widen = nn.Conv2d(channels, wider, 1)
        self.time = nn.Linear(time_width, wider)
        self.depthwise = nn.Conv2d(wider, wider, 3, padding=1, groups=wider)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Maps ``(B, channels, H, W)`` to ``(B, wider, H/2, W/2)``."""
        hidden = (
            self.widen(leaky_relu(self.halve(features))) + self.time(embedding)[:, :, None, None]
        )
        return leaky_relu(self.depthwise(hidden))


class Up(nn.Module):
    """Doubles the resolution: transposed 2 x 2 convolution, added skip, 3 x 3 convolution."""

    def __init__(self, channels: int, narrower: int, time_width: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(channels, narrower, 2, stride=2)
        self.time = nn.Linear(time_width, narrower)
        self.mix = nn.Conv2d(narrower, narrower, 3, padding=1)

    def forward(self, features: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        """Maps ``(B, channels, H, W)`` and its skip ``(B, narrower, 2H, 2W)`` to ``(B, narrower, 2H, 2W)``."""
        hidden = leaky_relu(self.enlarge(features)) + skip + self.time(embedding)[:, :, None, None]
        return leaky_relu(self.mix(hidden))


class FMIM(nn.Module):
    """Frequency modulation (Eq. 11-12): damps the low frequencies of the spatial features, window by window.

    ``ifft2(fft2(x) * alpha)`` with alpha = `scale` on the bins -`bins` .. `bins` of both axes and 1 elsewhere. The bins come with their
    negatives, so the result is real; a projection on so few bins is cheaper as two small matrix products than as a transform.
    """

    projection: Tensor

    def __init__(self, window: int, scale: float, bins: int = 1) -> None:
        super().__init__()
        self.scale = scale
        step = torch.arange(window, dtype=torch.float64)
        angles = 2 * math.pi * (step[:, None] - step) / window
        low = torch.ones_like(angles)
        for f in range(1, bins + 1):
            low += 2 * (angles * f).cos()
        self.register_buffer("projection", (low / window).float(), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Filters ``(B*windows, window, window, C)``."""
        batch, side, _, channels = windows.shape
        low = self.projection.to(windows.dtype)
        smooth = (low @ windows.reshape(batch, side, side * channels)).reshape(
            batch * side, side, channels
        )
        return windows - (1 - self.scale) * (low @ smooth).reshape(windows.shape)


class APFM(nn.Module):
    """Alternating projection fusion (Eq. 8-10) of the spectral and spatial tokens of a window, then a perceptron.

    T_spa = Softmax(T_a T_b^T / sqrt(S')) T_c^T and T_spe = Softmax(T_c T_d^T sqrt(S'^3) / HW) T_a^T, with T_a, T_b from the spatial and
    T_c, T_d from the spectral features; both softmaxes run over the axis that the product sums over. T_fus = T_spa (.) T_spe.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // HEAD_DIM
        self.norm_spa = nn.LayerNorm(channels)
        self.norm_spe = nn.LayerNorm(channels)
        self.spatial_maps = nn.Linear(channels, 2 * channels, bias=False)
        self.spectral_maps = nn.Linear(channels, 2 * channels, bias=False)
        self.merge = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, channels),
            nn.LeakyReLU(),
            nn.Linear(channels, channels),
        )

    def _split(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Splits ``(B, N, 2C)`` into two ``(B, heads, N, S')``."""
        batch, tokens, _ = maps.shape
        first, second = maps.view(batch, tokens, 2, self.heads, HEAD_DIM).permute(2, 0, 3, 1, 4)
        return first, second

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, C)`` to ``(B, N, C)``."""
        batch, tokens, channels = spectral.shape
        t_a, t_b = self._split(self.spatial_maps(self.norm_spa(spatial)))
        t_c, t_d = self._split(self.spectral_maps(self.norm_spe(spectral)))
        t_spa = scaled_dot_product_attention(t_a, t_b, t_c)
        scale = math.sqrt(HEAD_DIM**3) / tokens
        spectral_weights = threshold((t_c.mT @ t_d * scale).softmax(dim=-1), NEGLIGIBLE, 0.0)
        t_spe = t_a @ spectral_weights.mT
        fused = (t_spa * t_spe).transpose(1, 2).reshape(batch, tokens, channels)
        hidden = spectral + self.merge(fused)
        refined: Tensor = hidden + self.mlp(hidden)
        return refined


class Pointwise(nn.Module):
    """What stands in APFM's place in the ablations V4 and V5 (Table 2): tokens of the branches added, or multiplied, one by one."""

    def __init__(self, channels: int, *, product: bool) -> None:
        super().__init__()
        self.product = product
        self.norm_spa = nn.LayerNorm(channels)
        self.norm_spe = nn.LayerNorm(channels)
        self.spatial_maps = nn.Linear(channels, channels, bias=False)
        self.spectral_maps = nn.Linear(channels, channels, bias=False)
        self.merge = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, channels),
            nn.LeakyReLU(),
            nn.Linear(channels, channels),
        )

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Maps two ``(B, N, C)`` to ``(B, N, C)``."""
        first, second = (
            self.spatial_maps(self.norm_spa(spatial)),
            self.spectral_maps(self.norm_spe(spectral)),
        )
        hidden = spectral + self.merge(first * second if self.product else first + second)
        refined: Tensor = hidden + self.mlp(hidden)
        return refined
