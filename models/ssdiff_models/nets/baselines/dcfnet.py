"""DCFNet: dynamic cross feature fusion (Wu et al., ICCV 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression

__all__ = ["DCFNet"]

WIDTHS = (32, 64, 128)
"""Channels at the scales 1, 1/2 and 1/4."""


def _linear(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, and batch normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, momentum=0.01))


def _active(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*_linear(inputs, outputs, kernel, stride), nn.ReLU())


def _resized(features: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return interpolate(features, size=size, mode="bilinear", align_corners=True)


class _Basic(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_active(channels, channels), _linear(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        return relu(features + self.layers(features))


class _Bottleneck(nn.Module):
    """Three convolutions through 64 channels around a shortcut."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_active(inputs, 64, 1), _active(64, 64), _linear(64, 256, 1))
        self.shortcut = nn.Identity() if inputs == 256 else _linear(inputs, 256, 1)

    def forward(self, features: Tensor) -> Tensor:
        return relu(self.shortcut(features) + self.layers(features))


class _Shares(nn.Module):
    """Learned weights that are not negative and add up to one along their first axis."""

    def __init__(self, *shape: int, start: float = 1.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full(shape, start))

    def forward(self) -> Tensor:
        positive: Tensor = relu(self.weights)
        return positive / (positive.sum(0) + 1e-4)


class _Guided(nn.Module):
    """Adds the MS of a scale to its features."""

    def __init__(self, bands: int, channels: int) -> None:
        super().__init__()
        self.shares = _Shares(2)
        self.of_ms = nn.Conv2d(bands, channels, 3, padding=1, bias=False)
        self.mix = _Basic(channels)

    def forward(self, features: Tensor, ms: Tensor) -> Tensor:
        own, other = self.shares()
        mixed: Tensor = self.mix(relu(own * features + other * self.of_ms(ms)))
        return mixed


class _Change(nn.Module):
    """Takes the features of one branch to the scale and the width of another."""

    def __init__(self, origin: int, target: int) -> None:
        super().__init__()
        inputs, outputs = WIDTHS[origin], WIDTHS[target]
        if origin > target:
            self.layers = _linear(inputs, outputs, 1)
        else:
            between = (_active(inputs, inputs, 3, 2) for _ in range(origin + 1, target))
            self.layers = nn.Sequential(*between, _linear(inputs, outputs, 3, 2))

    def forward(self, features: Tensor, like: Tensor) -> Tensor:
        changed = self.layers(features)
        return changed if changed.shape[-2:] == like.shape[-2:] else _resized(changed, like)


class _Exchange(nn.Module):
    """Branches that work alone, then are mixed each with each."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(_Basic(width) for _ in range(3))) for width in WIDTHS[:count]
        )
        self.shares = _Shares(count + 1, count + 1, start=1 / (count + 1))
        self.changes = nn.ModuleDict(
            {
                f"{origin}-{target}": _Change(origin, target)
                for origin in range(count)
                for target in range(count)
                if origin != target
            }
        )

    def alone(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Returns the branches' own features, before they are mixed."""
        return [branch(one) for branch, one in zip(self.branches, features, strict=True)]

    def mixed(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Returns the features of all branches, each with its share of the others."""
        shares = self.shares()
        mixed = []
        for target, like in enumerate(features):
            total = shares[target, target] * like
            for origin, other in enumerate(features):
                if origin != target:
                    changed = self.changes[f"{origin}-{target}"](other, like)
                    total = total + shares[target, origin] * changed
            mixed.append(relu(total))
        return mixed


class _NewBranch(nn.Module):
    """The branch at the scale of the MS, begun from the other two."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.shares = _Shares(2)
        self.halve = _active(32, 64, 3, 2)
        self.of_second = _active(64, 128, 3, 2)
        self.of_both = _active(64, 128, 3, 2)
        self.guided = _Guided(bands, 128)

    def forward(self, first: Tensor, second: Tensor, ms: Tensor) -> Tensor:
        own, other = self.shares()
        new = own * self.of_second(second)
        both = self.guided(self.of_both(second + self.halve(first)), ms)
        branch: Tensor = new + other * both
        return branch


class DCFNet(Regression):
    """Three branches of one scale each that exchange their features.

    The output is added to the LMS, in training as in use; the first public code has it as the
    image itself. Interpolation with aligned corners makes a pixel depend on the tile's size.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        bands = config.bands
        deep = [_Bottleneck(inputs) for inputs in (64, 256, 256, 256)]
        self.stem = nn.Sequential(_active(bands + 1, 64), _active(64, 64), *deep)
        self.at_full = _active(256, 32)
        self.at_half = _active(256, 64, 3, 2)
        self.guided = _Guided(bands, 64)
        self.second = _Exchange(2)
        self.at_quarter = _NewBranch(bands)
        self.third = _Exchange(3)
        self.head = nn.Sequential(
            nn.Conv2d(224, 224, 1), nn.BatchNorm2d(224, momentum=0.01), nn.ReLU(),
            nn.Conv2d(224, bands, 1),
        )  # fmt: skip

    @property
    def multiple(self) -> int:
        """Four MS pixels."""
        return 4 * RATIO

    @property
    def receptive_radius(self) -> None:
        """The whole tile, by its size."""
        return None

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        features = self.stem(torch.cat([pan, lms], dim=1))
        halved = self.at_half(features)
        branches = [self.at_full(features), self.guided(halved, _resized(ms, halved))]
        alone = self.second.alone(branches)
        branches = [*self.second.mixed(alone), self.at_quarter(*alone, ms)]
        full, *coarse = self.third.mixed(self.third.alone(branches))
        resized = [_resized(one, full) for one in coarse]
        detail: Tensor = self.head(torch.cat([full, *resized], dim=1))
        return detail
