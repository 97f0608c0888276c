"""A stand-in for PanDiff (Meng et al., IEEE TGRS 61, 2023), of which no text or code was at hand.

Known are a U-Net that is conditioned on PAN and MS through a "modal intercalibration module", and
a diffusion of the difference between reference and MS. The layers, and that it predicts the
clean state, as the samplers here ask for, are ours.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from ssdiff_models.nets.baselines.baseline import Baseline, BaselineConfig

__all__ = ["PanDiff"]

WIDTHS = (32, 64, 128, 256)
GROUPS = 16
TIME = 32


def _conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)


def _doubled(features: Tensor) -> Tensor:
    return interpolate(features, scale_factor=2, mode="nearest")


class _Intercalibration(nn.Module):
    """Weighs the conditions by their means over the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weights = nn.Sequential(
            nn.Conv2d(channels, 4 * channels, 1),
            nn.SiLU(),
            nn.Conv2d(4 * channels, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, conditions: Tensor) -> Tensor:
        weighted: Tensor = 1 + self.weights(conditions.mean((2, 3), keepdim=True))
        return conditions * weighted


class _TimeEmbedding(nn.Module):
    """Sinusoids of the diffusion step, then two linear layers: ``(B,)`` to ``(B, 32)``."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        half = TIME // 2
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(nn.Linear(TIME, 4 * TIME), nn.SiLU(), nn.Linear(4 * TIME, TIME))

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None].float() * self.frequencies
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedded


class _Block(nn.Module):
    """Two convolutions with group normalisation around a shortcut; the time is added between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(GROUPS, inputs), nn.SiLU(), _conv3(inputs, outputs))
        self.time = nn.Linear(TIME, outputs)
        self.second = nn.Sequential(
            nn.GroupNorm(GROUPS, outputs), nn.SiLU(), _conv3(outputs, outputs)
        )
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor, time: Tensor) -> Tensor:
        hidden = self.first(features) + self.time(time)[:, :, None, None]
        changed: Tensor = self.second(hidden) + self.shortcut(features)
        return changed


class _Attention(nn.Module):
    """Each place of the deepest level sees all others; one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.maps = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        maps = self.maps(self.norm(features)).flatten(2).mT
        query, key, value = maps.chunk(3, dim=2)
        found = scaled_dot_product_attention(query, key, value)
        change: Tensor = self.out(found.mT.reshape(features.shape))
        return features + change


class PanDiff(Baseline):
    """A U-Net of four levels that cleans a noisy residual, conditioned on PAN and LMS."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        bands = config.bands
        deepest = WIDTHS[-1]
        self.calibrate = _Intercalibration(bands + 1)
        self.time = _TimeEmbedding()
        self.stem = _conv3(2 * bands + 1, WIDTHS[0])
        self.down = nn.ModuleList()
        self.halve = nn.ModuleList()
        self.up = nn.ModuleList()
        self.enlarge = nn.ModuleList()
        self._add_up(self._add_down())
        self.middle = nn.ModuleList([_Block(deepest, deepest), _Block(deepest, deepest)])
        self.attention = _Attention(deepest)
        self.head = nn.Sequential(
            nn.GroupNorm(GROUPS, WIDTHS[0]), nn.SiLU(), _conv3(WIDTHS[0], bands)
        )

    def _add_down(self) -> list[int]:
        """Adds two blocks a level, and returns the channels of all skips."""
        width = WIDTHS[0]
        skips = [width]
        for wider in WIDTHS:
            self.down.append(nn.ModuleList([_Block(width, wider), _Block(wider, wider)]))
            width = wider
            skips += [width, width]
            if wider != WIDTHS[-1]:
                self.halve.append(_conv3(width, width, 2))
                skips.append(width)
        return skips

    def _add_up(self, skips: list[int]) -> None:
        """Adds three blocks a level, each with a skip."""
        width = WIDTHS[-1]
        for narrower in reversed(WIDTHS):
            blocks = nn.ModuleList()
            for _ in range(3):
                blocks.append(_Block(width + skips.pop(), narrower))
                width = narrower
            self.up.append(blocks)
            if narrower != WIDTHS[0]:
                self.enlarge.append(_conv3(width, width))

    @property
    def multiple(self) -> int:
        """The pixels of the deepest level are 8 apart; tiles have two at least."""
        return 16

    @property
    def receptive_radius(self) -> None:
        """The whole tile, by attention and means."""
        return None

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state."""
        del ms
        self.check_tile(lms)
        time = self.time(t)
        conditions = self.calibrate(torch.cat([pan + 1, lms + 1], dim=1))
        features = self.stem(torch.cat([x_t, conditions], dim=1))
        skips = [features]
        for level, blocks in enumerate(self.down):
            for block in blocks.children():
                features = block(features, time)
                skips.append(features)
            if level < len(self.halve):
                features = self.halve[level](features)
                skips.append(features)
        first, second = self.middle
        features = second(self.attention(first(features, time)), time)
        for level, blocks in enumerate(self.up):
            for block in blocks.children():
                features = block(torch.cat([features, skips.pop()], dim=1), time)
            if level < len(self.enlarge):
                features = self.enlarge[level](_doubled(features))
        residual: Tensor = self.head(features)
        return residual
