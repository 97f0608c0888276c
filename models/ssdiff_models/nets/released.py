"""The network of SSDiff's released code, so that its checkpoints load and give its outputs.

Parameter names and shapes are the released ones, unused layers included. Where the released code
departs from the paper so does this file: shared down, up and time paths, the axis of the spectral
softmax, the one-sided Fourier mask, channel counts fixed for 32 channels.
`nets/ssdiff.py` is the network as published.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.blocks import conv3x3
from ssdiff_models.nets.network import Network, NetworkConfig
from ssdiff_models.nets.released_blocks import (
    GROUPS,
    TIME_WIDTH,
    Fusformer,
    ReleasedDown,
    ReleasedUp,
    ResBlock,
    in_windows,
    normalised_out,
    scale_low_bins,
)

__all__ = ["RATIO", "TRAINED_TILE", "ReleasedConfig", "ReleasedSSDiff", "config_from_state_dict"]

RATIO = 4
"""PAN pixels per MS pixel; the released network knows no other."""
TRAINED_TILE = 64
"""Side in PAN pixels of the patches of its training; larger tiles are cut into such windows."""

_TIME_FEATURES = 128
_LONGEST_PERIOD = 10_000
_MAX_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """One of the five levels: encoder, encoder, bottleneck, decoder, decoder."""

    depth: int
    """The resolution is halved so often."""
    channels: int
    """So many spectral channels are amplified."""
    spectral_gain: float
    fourier_gain: float


_ENCODER = (
    _Level(depth=0, channels=16, spectral_gain=1.2, fourier_gain=0.9),
    _Level(depth=1, channels=32, spectral_gain=1.4, fourier_gain=0.6),
)
_BOTTLENECK = _Level(depth=2, channels=64, spectral_gain=1.6, fourier_gain=0.3)
_LEVELS = (*_ENCODER, _BOTTLENECK, *reversed(_ENCODER))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedConfig(NetworkConfig):
    """What fixes the released network's shapes."""

    dim: int = 32
    """Channels at full resolution; a multiple of 32."""

    def __post_init__(self) -> None:
        if self.bands < 1 or self.dim < 1 or self.dim % GROUPS:
            raise ModelError(
                f"the released network needs at least one band and a multiple of {GROUPS} "
                f"channels, got {self.bands} bands and {self.dim} channels"
            )


def _time_features(t: Tensor) -> Tensor:
    """Returns ``[cos(t f_i), sin(t f_i)]`` with ``f_i = 10000^(-i/64)``, ``(batch, 128)``."""
    half = _TIME_FEATURES // 2
    exponents = torch.arange(half, dtype=torch.float32, device=t.device) / half
    angles = t[:, None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponents)
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)


def _window(size: int) -> int:
    """Returns the side of the windows for a tile of `size` pixels."""
    if size <= TRAINED_TILE:
        return size
    return TRAINED_TILE if size % TRAINED_TILE == 0 else TRAINED_TILE // 2


def _time_projection(width: int) -> nn.Sequential:
    return nn.Sequential(nn.SiLU(), nn.Linear(TIME_WIDTH, width))


def _unused(width: int) -> nn.Sequential:
    """Builds a layer that the released checkpoints hold and their network never calls."""
    return nn.Sequential(conv3x3(width, width), nn.LeakyReLU())


class ReleasedSSDiff(Network):
    """Predicts the residual HRMS - LMS from a noisy one and the images, divided by full scale.

    Tiles up to 64 x 64 are computed as the released code does. In larger ones, the layers that
    look at the whole tile (attention, Fourier filter, group norm) look at windows of that size.
    """

    config: ReleasedConfig

    def __init__(self, config: ReleasedConfig) -> None:
        super().__init__(config)
        bands = config.bands
        dim = config.dim
        learnt = nn.Conv2d(bands, bands * RATIO**2, 3, padding=1, bias=False)
        shuffled = nn.Sequential(learnt, nn.PixelShuffle(RATIO))
        self.upsample = nn.ModuleDict({"upsamle": shuffled})  # spelled so in the released code
        self.raise_ms_dim = _unused(dim)
        self.raise_pan_dim = _unused(dim)
        hidden = conv3x3(dim, dim)
        last = conv3x3(dim, bands)
        self.to_hrms = nn.Sequential(hidden, nn.LeakyReLU(), last)
        first_time = nn.Linear(_TIME_FEATURES, TIME_WIDTH)
        self.time_embed = nn.Sequential(first_time, nn.SiLU(), nn.Linear(TIME_WIDTH, TIME_WIDTH))
        self.conv_lms2x_t = conv3x3(2 * bands, dim)
        self.conv_pan2x_t = conv3x3(bands + 1, dim)
        self.conv_x_t = conv3x3(bands, dim)  # never used
        for number, level in enumerate(_LEVELS):
            width = dim << level.depth
            self.add_module(f"fusformer{number}", Fusformer(width))
            if number < 2:
                self.add_module(f"down{number}", ReleasedDown(width))
            elif number < 4:
                self.add_module(f"up{number - 2}", ReleasedUp(width))
            if number < 4:
                self.add_module(f"resblock{number}", ResBlock(width))
        self.out_layers_pan = normalised_out(nn.BatchNorm2d(dim), dim)
        self.out_layers_lms = normalised_out(nn.BatchNorm2d(dim), dim)
        self.emb_layers_pan = _time_projection(dim)
        self.emb_layers_lms = _time_projection(dim)

    @property
    def multiple(self) -> int:
        """Half the trained tile; smaller tiles may have any multiple of the ratio."""
        return TRAINED_TILE // 2

    @property
    def receptive_radius(self) -> int:
        """Each level spreads over a window, and the convolutions between into the next."""
        return 6 * TRAINED_TILE

    @property
    def last_layer(self) -> nn.Conv2d:
        """The second convolution of `to_hrms`."""
        layer = self.to_hrms[2]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def branch_of(self, name: str) -> None:
        """Returns None: the branches share their layers."""

    def fits(self, size: int) -> bool:
        """Tells whether a tile may have that many rows or columns."""
        return size % (RATIO if size <= TRAINED_TILE else self.multiple) == 0

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state."""
        self.check_tile(lms)
        embedding = self.time_embed(_time_features(t))
        spatial = self.conv_pan2x_t(torch.cat([pan, x_t], dim=1))
        spatial = spatial + self.emb_layers_pan(embedding)[..., None, None]
        spectral = self.conv_lms2x_t(torch.cat([lms, x_t], dim=1))
        spectral = spectral + self.emb_layers_lms(embedding)[..., None, None]
        fused = self._levels(self.out_layers_lms(spectral), self.out_layers_pan(spatial), embedding)
        out: Tensor = self.to_hrms(fused) + self.upsample["upsamle"](ms)
        return out

    def _levels(self, spectral: Tensor, spatial: Tensor, embedding: Tensor) -> Tensor:
        """Returns the spectral stream after all levels; the streams share down and up layers."""
        rows, cols = (_window(size) for size in spectral.shape[-2:])
        skips: list[tuple[Tensor, Tensor]] = []
        for number, level in enumerate(_LEVELS[:-1]):
            window = (rows >> level.depth, cols >> level.depth)
            spectral = self._inject(number, window, spectral, spatial)
            spatial = self.get_submodule(f"resblock{number}")(spatial, embedding, window)
            if number < 2:
                down = self.get_submodule(f"down{number}")
                skips.append((spectral, spatial))
                spectral, spatial = down(spectral), down(spatial)
            else:
                up = self.get_submodule(f"up{number - 2}")
                spectral_skip, spatial_skip = skips.pop()
                spectral, spatial = up(spectral, spectral_skip), up(spatial, spatial_skip)
        return self._inject(len(_LEVELS) - 1, (rows, cols), spectral, spatial)

    def _inject(
        self, number: int, window: tuple[int, int], spectral: Tensor, spatial: Tensor
    ) -> Tensor:
        fusformer = self.get_submodule(f"fusformer{number}")
        level = _LEVELS[number]

        def fuse(spectra: Tensor, space: Tensor) -> Tensor:
            amplified = spectra[:, : level.channels] * level.spectral_gain
            spectra = torch.cat([amplified, spectra[:, level.channels :]], dim=1)
            out: Tensor = fusformer(spectra, scale_low_bins(space, level.fourier_gain))
            return out

        return in_windows(fuse, window, spectral, spatial)


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def config_from_state_dict(state: Mapping[str, Any]) -> ReleasedConfig:
    """Infers the config from a released state dict, and checks every name and shape against it.

    Raises:
        ModelError: When it is no state dict of the released network.
    """
    shapes = _shapes(state)
    stem = shapes.get("conv_lms2x_t.weight", ())
    refusal = "no state dict of the released SSDiff network"
    if len(stem) != 4:
        raise ModelError(f"{refusal}: it has no 4-D tensor 'conv_lms2x_t.weight'")
    config = ReleasedConfig(dim=stem[0], bands=stem[1] // 2)
    with torch.device("meta"):
        expected = _shapes(ReleasedSSDiff(config).state_dict())
    common = expected.keys() & shapes.keys()
    problems = {
        "lacks": sorted(expected.keys() - shapes.keys()),
        "has unknown": sorted(state.keys() - expected.keys()),
        "has other shapes in": sorted(n for n in common if expected[n] != shapes[n]),
    }
    reasons = [f"it {verb} {_listed(names)}" for verb, names in problems.items() if names]
    if reasons:
        size = f"{config.bands} bands and {config.dim} channels"
        raise ModelError(f"{refusal} with {size}: {'; '.join(reasons)}")
    return config
