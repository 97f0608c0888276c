"""Building blocks of the released network, with its parameter names and its quirks.

Feature maps are ``(B, C, H, W)``, tokens ``(B, N, C)``.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, scaled_dot_product_attention

from ssdiff_models.nets.blocks import HEAD_DIM, conv3x3, zeroed

__all__ = [
    "Attention",
    "Fusformer",
    "ReleasedDown",
    "ReleasedUp",
    "ResBlock",
    "in_windows",
    "normalised_out",
    "scale_low_bins",
]

GROUPS = 32
TIME_WIDTH = 512


def in_windows(function: Callable[..., Tensor], window: tuple[int, int], *images: Tensor) -> Tensor:
    """Applies `function` to each window of `images` by itself and joins the results.

    Args:
        function: Maps images ``(B, C, h, w)`` to one of the same shape.
        window: Rows and columns h, w; they divide those of the images.
        *images: ``(B, C, H, W)``, all of one shape.
    """
    batch, channels, height, width = images[0].shape
    rows, cols = window
    if (rows, cols) == (height, width):
        return function(*images)
    grid = (batch, channels, height // rows, rows, width // cols, cols)
    windows = []
    for image in images:
        cells = image.reshape(grid).permute(0, 2, 4, 1, 3, 5)
        windows.append(cells.reshape(-1, channels, rows, cols))
    result = function(*windows)
    cells = result.reshape(batch, height // rows, width // cols, channels, rows, cols)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, height, width)


def scale_low_bins(image: Tensor, gain: float) -> Tensor:
    """Multiplies the bins {-1, 0} x {-1, 0} of the 2-D spectrum by `gain` (FMIM, as released).

    Without the bins +1 the masked spectrum is not that of a real image. The imaginary part is
    dropped, as in the released code.
    """
    gains = torch.ones(image.shape[-2:], device=image.device)
    gains[-1:, -1:] = gains[-1:, :1] = gains[:1, -1:] = gains[:1, :1] = gain
    real: Tensor = torch.fft.ifft2(torch.fft.fft2(image.float()) * gains).real
    return real


class Attention(nn.Module):
    """Spatial and spectral projection maps and their product (APFM, Eq. 8 to 10, as released)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sa1 = nn.Linear(width, width, bias=False)
        self.sa2 = nn.Linear(width, width, bias=False)
        self.se1 = nn.Linear(width, width, bias=False)
        self.se2 = nn.Linear(width, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.0))

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Fuses two streams of tokens ``(B, N, C)`` into one."""
        batch, tokens, width = spectral.shape

        def heads(maps: Tensor) -> Tensor:
            return maps.reshape(batch, tokens, width // HEAD_DIM, HEAD_DIM).transpose(1, 2)

        t_a = heads(self.sa1(spatial))
        t_b = heads(self.sa2(spatial))
        t_c = heads(self.se1(spectral))
        t_d = heads(self.se2(spectral))
        t_spa = scaled_dot_product_attention(t_a, t_b, t_c)
        # The released softmax runs over the index that the product keeps.
        weights = (t_c.transpose(-2, -1) @ t_d * (math.sqrt(HEAD_DIM) / tokens)).softmax(dim=-1)
        product = t_spa * (t_a @ weights.to(t_a.dtype))
        fused: Tensor = self.to_out(product.transpose(1, 2).reshape(batch, tokens, width))
        return fused


class _FeedForward(nn.Module):
    """Two linear layers through half the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeeze = nn.Linear(width, width // 2)
        widen = nn.Linear(width // 2, width)
        self.net = nn.Sequential(squeeze, nn.LeakyReLU(), nn.Dropout(0.0), widen, nn.Dropout(0.0))

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.net(tokens)
        return out


class _Residual(nn.Module):
    """One LayerNorm for every stream of tokens, then `function`, around a shortcut."""

    def __init__(self, width: int, function: nn.Module) -> None:
        super().__init__()
        self.fn = nn.ModuleDict({"norm": nn.LayerNorm(width), "fn": function})

    def forward(self, *streams: Tensor) -> Tensor:
        normed = [self.fn["norm"](stream) for stream in streams]
        out: Tensor = streams[0] + self.fn["fn"](*normed)
        return out


class Fusformer(nn.Module):
    """The APFM of one level: attention between the streams, then a feed-forward layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        attention = _Residual(width, Attention(width))
        feed_forward = _Residual(width, _FeedForward(width))
        self.layers = nn.ModuleList([nn.ModuleList([attention, feed_forward])])

    def forward(self, spectral: Tensor, spatial: Tensor) -> Tensor:
        """Injects the spatial stream ``(B, C, H, W)`` into the spectral one."""
        tokens = spectral.flatten(2).transpose(1, 2)
        injected = spatial.flatten(2).transpose(1, 2)
        for layer in self.layers:
            attention, feed_forward = layer.children()
            tokens = feed_forward(attention(tokens, injected))
        return tokens.transpose(1, 2).reshape(spectral.shape)


def normalised_out(norm: nn.Module, width: int) -> nn.Sequential:
    """Builds the end of stems and residual blocks: a norm and a zeroed convolution."""
    last = zeroed(conv3x3(width, width))
    return nn.Sequential(norm, nn.SiLU(), nn.Dropout(0.0), last)


class ResBlock(nn.Module):
    """The spatial stream's block; its GroupNorm takes statistics over space, window by window."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0 = conv3x3(width, width // 2)
        self.conv1 = conv3x3(width // 2, width)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(TIME_WIDTH, width))
        self.out_layers = normalised_out(nn.GroupNorm(GROUPS, width), width)

    def forward(self, image: Tensor, embedding: Tensor, window: tuple[int, int]) -> Tensor:
        """Maps ``(B, C, H, W)`` and ``(B, 512)`` to the first's shape."""
        inner = self.conv1(leaky_relu(self.conv0(image)))
        inner = inner + self.emb_layers(embedding)[..., None, None]
        normed = in_windows(self.out_layers[0], window, inner)
        out: Tensor = image + self.out_layers[1:](normed)
        return out


def _widen(width: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(width, out, 1), nn.Conv2d(out, out, 3, padding=1, groups=out), nn.LeakyReLU()]


class ReleasedDown(nn.Module):
    """Halves the resolution and doubles the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), *_widen(width, 2 * width))  # never used
        halve = nn.Conv2d(width, width, 2, stride=2)
        self.conv = nn.Sequential(halve, nn.LeakyReLU(), *_widen(width, 2 * width))

    def forward(self, image: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` to ``(B, 2C, H/2, W/2)``."""
        out: Tensor = self.conv(image)
        return out


class ReleasedUp(nn.Module):
    """Doubles the resolution, halves the channels, and adds the encoder's stream of that level."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        double = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.up0 = nn.Sequential(double, nn.LeakyReLU(), *_widen(width, half))  # never used
        self.up1 = nn.Sequential(nn.ConvTranspose2d(width, half, 2, stride=2), nn.LeakyReLU())
        self.conv = conv3x3(half, half)

    def forward(self, image: Tensor, skip: Tensor) -> Tensor:
        """Maps ``(B, C, H, W)`` and a skip ``(B, C/2, 2H, 2W)`` to the skip's shape."""
        return leaky_relu(self.conv(self.up1(image) + skip))
