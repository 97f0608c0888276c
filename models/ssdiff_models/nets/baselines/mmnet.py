"""MMNet: a memory-augmented deep unfolding network (Zhou et al., IJCV 131, 2023).

Layers are those of the same authors' network of ECCV 2022, which unfolds the same model, widened
from 4 bands to any number.
"""

from itertools import repeat

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from ssdiff_models.nets.baselines.baseline import RATIO, BaselineConfig, Regression
from ssdiff_models.nets.baselines.conv_lstm import ConvLSTM, State

__all__ = ["MMNet"]

STAGES = 3
"""Stages that share their weights, after one with its own."""


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def _active(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, kernel, stride), nn.PReLU(init=0.5))


def _half(bands: int) -> int:
    return max(bands // 2, 1)


class _Residual(nn.Module):
    """``x + p(conv(p(conv(x))))`` with one p."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.first = _conv(channels, channels, kernel)
        self.second = _conv(channels, channels, kernel)
        self.active = nn.PReLU(init=0.5)

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.active(self.second(self.active(self.first(features))))
        return features + change


def _basic(inputs: int, outputs: int, kernel: int = 3, count: int = 2) -> nn.Sequential:
    blocks = (_Residual(outputs, kernel) for _ in range(count))
    return nn.Sequential(_active(inputs, outputs, kernel), *blocks)


class _Prior(nn.Module):
    """A denoised image from an image and the PAN, and the memory of it, ``3 * bands``."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.of_pan = _active(1, 3, 5)
        self.start = _active(bands + 4, bands, 5)
        self.blocks = nn.Sequential(_Residual(bands), _Residual(bands))

    def forward(self, image: Tensor, pan: Tensor) -> tuple[Tensor, Tensor]:
        start = self.start(torch.cat([image, self.of_pan(pan), pan], dim=1))
        prior = self.blocks(start)
        return prior, torch.cat([prior, start, image], dim=1)


class _Data(nn.Module):
    """One step towards an image that gives the MS back, and its memory, ``2 * bands``."""

    def __init__(self, bands: int, memory: int) -> None:
        super().__init__()
        self.down = _active(bands + memory, bands, 5, RATIO)
        self.up = nn.ConvTranspose2d(
            bands, bands, 5, RATIO, padding=1, output_padding=1, bias=False
        )
        self.active = nn.PReLU(init=0.5)
        self.data_rate = nn.Parameter(torch.tensor(0.5))
        self.prior_rate = nn.Parameter(torch.tensor(0.5))

    def forward(
        self, image: Tensor, prior: Tensor, ms: Tensor, memory: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        features = image if memory is None else torch.cat([image, memory], dim=1)
        error = self.active(self.up(ms - self.down(features)))
        step = self.data_rate * error + self.prior_rate * (image - prior)
        moved = image - step
        return moved, torch.cat([features, moved], dim=1)


class _Attention(nn.Module):
    """What the features of one source have for the queries; it begins with zero."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        half = _half(bands)
        self.key = nn.Conv2d(bands, half, 3, stride=2, padding=1)
        self.value = nn.Conv2d(bands, half, 1)
        self.widen = nn.Conv2d(half, bands, 1)
        self.norm = nn.BatchNorm2d(bands)
        nn.init.zeros_(self.norm.weight)

    def forward(self, queries: Tensor, source: Tensor) -> Tensor:
        """Maps ``(B, half, h, w)`` and ``(B, bands, h, w)`` to ``(B, bands, h, w)``."""
        keys = _doubled(max_pool2d(self.key(source), 2)).flatten(2)
        values = max_pool2d(self.value(source), 2).flatten(2)
        weights = (queries.flatten(2).mT @ keys).softmax(dim=-1)
        found = (weights @ values.mT).mT.reshape(queries.shape)
        widened: Tensor = self.norm(self.widen(found))
        return widened


def _doubled(features: Tensor) -> Tensor:
    return interpolate(features, scale_factor=2, mode="nearest")


class _NonLocal(nn.Module):
    """An image of what is alike anywhere in the image and in the PAN, found at half resolution."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.of_image = _active(bands, bands, 3, 2)
        self.of_pan = _active(1, bands, 3, 2)
        self.query = nn.Conv2d(bands, _half(bands), 3, stride=2, padding=1)
        self.in_image = _Attention(bands)
        self.in_pan = _Attention(bands)
        self.merge = _basic(2 * bands, bands, 1, 1)
        self.up = nn.ConvTranspose2d(bands, bands, 3, 2, padding=1, output_padding=1, bias=False)

    def forward(self, image: Tensor, pan: Tensor) -> Tensor:
        halved = self.of_image(image)
        queries = _doubled(self.query(halved))
        found = [self.in_image(queries, halved), self.in_pan(queries, self.of_pan(pan))]
        whole: Tensor = self.up(self.merge(torch.cat(found, dim=1)))
        return whole


class _Memory(nn.Module):
    """Carries the features of one step from stage to stage."""

    def __init__(self, bands: int, outputs: int) -> None:
        super().__init__()
        self.narrow = _basic(3 * bands, 2 * bands)
        self.cell = ConvLSTM(2 * bands)
        self.out = _basic(2 * bands, outputs)
        self.channels = 2 * bands

    def forward(self, features: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Takes ``3 * bands`` channels, or the ``2 * bands`` of a step that had no memory yet."""
        narrow = features if features.shape[1] == self.channels else self.narrow(features)
        state = self.cell(narrow, state)
        return self.out(state[0]), state


class _Steps(nn.Module):
    """The layers of a stage: two priors, two data steps, and the non-local image between."""

    def __init__(self, bands: int, memory: int) -> None:
        super().__init__()
        self.priors = nn.ModuleList(_Prior(bands) for _ in range(2))
        self.data = nn.ModuleList(_Data(bands, memory) for _ in range(2))
        self.non_local = _NonLocal(bands)


class MMNet(Regression):
    """Four stages of an unfolded optimisation with a local and a non-local prior."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        bands = config.bands
        self.first = _Steps(bands, 0)
        self.shared = _Steps(bands, bands)
        outputs = (2 * bands, bands, 2 * bands, bands)
        self.memories = nn.ModuleList(_Memory(bands, count) for count in outputs)
        self.mix = nn.ModuleList(_basic(3 * bands, bands) for _ in range(2))

    @property
    def multiple(self) -> int:
        """Four MS pixels."""
        return 4 * RATIO

    @property
    def receptive_radius(self) -> None:
        """The whole tile, by attention."""
        return None

    def detail(self, lms: Tensor, pan: Tensor, ms: Tensor) -> Tensor:
        """Returns what the LMS lacks."""
        image, kept = self._first(lms, pan, ms)
        states: list[State | None] = [None] * 4
        for _ in repeat(None, STAGES):
            recalled = []
            for index, (memory, features) in enumerate(zip(self.memories, kept, strict=True)):
                out, states[index] = memory(features, states[index])
                recalled.append(out)
            image, kept = self._stage(image, pan, ms, recalled)
        return image - lms

    def _first(self, lms: Tensor, pan: Tensor, ms: Tensor) -> tuple[Tensor, list[Tensor]]:
        steps = self.first
        local, m1 = steps.priors[0](lms, pan)
        image, m2 = steps.data[0](lms, local, ms, None)
        image = steps.non_local(image, pan)
        prior, m3 = steps.priors[1](image, pan)
        image, m4 = steps.data[1](image, prior, ms, None)
        return image, [m1, m2, m3, m4]

    def _stage(
        self, image: Tensor, pan: Tensor, ms: Tensor, recalled: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        steps = self.shared
        local, m1 = steps.priors[0](self.mix[0](torch.cat([image, recalled[0]], dim=1)), pan)
        image, m2 = steps.data[0](image, local, ms, recalled[1])
        image = steps.non_local(image, pan) + image
        prior, m3 = steps.priors[1](self.mix[1](torch.cat([image, recalled[2]], dim=1)), pan)
        image, m4 = steps.data[1](image, prior, ms, recalled[3])
        return image, [m1, m2, m3, m4]
