"""CTINN: transformer and invertible network (Zhou et al., AAAI 2022), also called INNformer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, interpolate, leaky_relu, normalize, unfold

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression

__all__ = ["CTINN", "CTINNConfig", "LongRange"]

WINDOW, STRIDE = 24, 8
"""Side of the windows in which the PAN's patches are searched, and their distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CTINNConfig(BaselineConfig):
    """What shapes a `CTINN`."""

    width: int = 16
    """Channels: 16 in the authors' training, 8 where 38.3K parameters are published."""

    def __post_init__(self) -> None:
        BaselineConfig.__post_init__(self)
        if self.width < 4 or self.width % 4:
            raise ModelError(f"the width must be a positive multiple of 4, got {self.width}")


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class LongRange(nn.Module):
    """Gives each MS feature the most similar PAN feature of its window."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.merge = nn.Sequential(
            _conv3(2 * channels, channels), nn.ReLU(), _conv3(channels, channels)
        )

    def forward(self, ms: Tensor, pan: Tensor) -> Tensor:
        """Maps two ``(B, channels, H, W)`` to one; overlapping windows are summed, not averaged."""
        joined = self.in_window(_windows(ms), _windows(pan))
        batch, _, height, width = ms.shape
        columns = joined.reshape(batch, -1, joined[0].numel()).mT
        return fold(columns, (height, width), WINDOW, padding=STRIDE, stride=STRIDE)

    def in_window(self, ms: Tensor, pan: Tensor) -> Tensor:
        """Maps two ``(windows, channels, 24, 24)`` to one."""
        queries = unfold(ms, 3, padding=1)
        values = unfold(pan, 3, padding=1)
        likeness = normalize(values, dim=1).mT @ normalize(queries, dim=1)
        score, place = likeness.max(dim=1, keepdim=True)
        found = values.gather(2, place.expand_as(values))
        transferred = fold(found, (WINDOW, WINDOW), 3, padding=1) / 9
        change: Tensor = self.merge(torch.cat([transferred, ms], dim=1))
        return change * score.view(-1, 1, WINDOW, WINDOW) + ms


def _windows(features: Tensor) -> Tensor:
    """Cuts ``(B, C, H, W)`` into ``(B * windows, C, 24, 24)``, row-major."""
    channels = features.shape[1]
    columns = unfold(features, WINDOW, padding=STRIDE, stride=STRIDE)
    return columns.mT.reshape(-1, channels, WINDOW, WINDOW)


class _Dense(nn.Module):
    """Two convolutions around a 1 x 1 shortcut; half of the first's channels are normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _conv3(inputs, outputs)
        self.norm = nn.InstanceNorm2d(outputs // 2, affine=True)
        self.second = _conv3(outputs, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)
        for layer in (self.first, self.second, self.shortcut):
            assert layer.bias is not None
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        normal, plain = self.first(features).chunk(2, dim=1)
        hidden = leaky_relu(torch.cat([self.norm(normal), plain], dim=1), 0.1)
        changed: Tensor = leaky_relu(self.second(hidden), 0.1) + self.shortcut(features)
        return changed


def _subnet(channels: int) -> nn.Sequential:
    wide = _Dense(channels, 16)
    narrow = _Dense(16, channels)
    return nn.Sequential(wide, nn.LeakyReLU(0.2), narrow, nn.LeakyReLU(0.2))


class _Mixing(nn.Module):
    """An invertible 1 x 1 convolution, ``W = P L (U + diag(sign e^s))``, at first a rotation."""

    permutation: Tensor
    signs: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation, _ = torch.linalg.qr(torch.randn(channels, channels))
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", diagonal.sign())
        self.log_scale = nn.Parameter(diagonal.abs().log())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))

    def forward(self, features: Tensor) -> Tensor:
        unit = torch.eye(len(self.signs), dtype=self.lower.dtype, device=self.lower.device)
        lower = self.lower.tril(-1) + unit
        upper = self.upper.triu(1) + (self.signs * self.log_scale.exp()).diag()
        weight = self.permutation @ lower @ upper
        return nn.functional.conv2d(features, weight[:, :, None, None])


class _Coupling(nn.Module):
    """One invertible step."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixing = _Mixing(width)
        self.shift_first = _subnet(width // 2)
        self.shift_second = _subnet(width // 2)
        self.scale_second = _subnet(width // 2)

    def forward(self, features: Tensor) -> Tensor:
        first, second = self.mixing(features).chunk(2, dim=1)
        first = first + self.shift_first(second)
        exponent = 0.8 * (2 * self.scale_second(first).sigmoid() - 1)
        second = second * exponent.exp() + self.shift_second(first)
        return torch.cat([first, second], dim=1)


class _Refinement(nn.Module):
    """Adds a mean of each channel, weighted by channel attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv3(width, width), nn.ReLU(), _conv3(width, width))
        self.attention = nn.Sequential(
            nn.Conv2d(width, width // 4, 1),
            nn.ReLU(),
            nn.Conv2d(width // 4, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        mean = self.body(features).mean((2, 3), keepdim=True)
        weighted: Tensor = mean * self.attention(mean)
        return features + weighted


class CTINN(Regression):
    """Local and long-range features, fused by three invertible steps.

    The windows are whole parts of the image; those of the public code mix places of all windows.
    """

    def __init__(self, config: CTINNConfig) -> None:
        super().__init__(config)
        width = config.width
        half = width // 2
        self.of_ms = _conv3(config.bands, half)
        self.of_pan = _conv3(1, half)
        self.local = _conv3(width, half)
        self.long_range = LongRange(half)
        self.steps = nn.Sequential(*(_Coupling(width) for _ in range(3)))
        self.merge = nn.Sequential(nn.Conv2d(2 * width, width, 1), _conv3(width, width))
        self.refine = _Refinement(width)
        self.last = _conv3(width, config.bands)

    @property
    def multiple(self) -> int:
        """Four MS pixels; windows are two apart."""
        return 4 * RATIO

    @property
    def receptive_radius(self) -> None:
        """The whole tile, by its means."""
        return None

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        up = interpolate(ms, scale_factor=RATIO, mode="bicubic", align_corners=True)
        of_ms = self.of_ms(up)
        of_pan = self.of_pan(pan)
        local = self.local(torch.cat([of_ms, of_pan], dim=1))
        features = torch.cat([local, self.long_range(of_ms, of_pan)], dim=1)
        merged = self.merge(torch.cat([features, self.steps(features)], dim=1))
        change: Tensor = self.last(self.refine(merged))
        return up + change - lms
