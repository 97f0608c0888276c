"""The network of SSDiff's released code, computed as that code computes it, so that its checkpoints load and give its outputs.

Parameter names and shapes are the released ones, layers it never uses included. Where it departs from the paper (shared down,
up and time paths, the axis of the spectral softmax, the one-sided Fourier mask, channel counts fixed for 32 channels) so does
this file; `nets/ssdiff.py` is the network as published.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.released_blocks import (
    GROUPS,
    TIME_WIDTH,
    Fusformer,
    MsSkip,
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
"""Side in PAN pixels of the patches it was trained on, and of the windows that larger tiles are cut into."""

_TIME_FEATURES = 128
_LONGEST_PERIOD = 10_000
_MAX_NAMED = 3

# Level by level: encoder, encoder, bottleneck, decoder, decoder.
_SPECTRAL_CHANNELS = (16, 32, 64, 32, 16)
_SPECTRAL_GAINS = (1.2, 1.4, 1.6, 1.4, 1.2)
_FOURIER_GAINS = (0.9, 0.6, 0.3, 0.6, 0.9)
_DEPTHS = (0, 1, 2, 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedConfig:
    """What fixes the released network's shapes."""

    bands: int
    """Number of MS bands."""
    dim: int = 32
    """Channels at full resolution; a multiple of 32."""

    def __post_init__(self) -> None:
        if self.bands < 1 or self.dim < 1 or self.dim % GROUPS:
            raise ModelError(
                f"the released network needs at least one band and a multiple of {GROUPS} channels, "
                f"got {self.bands} bands and {self.dim} channels"
            )


def _time_features(t: Tensor) -> Tensor:
    """Returns ``[cos(t f_i), sin(t f_i)]`` with ``f_i = 10000^(-i/64)``, ``(batch, 128)``, float32."""
    half = _TIME_FEATURES // 2
    exponents = torch.arange(half, dtype=torch.float32, device=t.device) / half
    angles = t[:, None].float() * torch.exp(-math.log(_LONGEST_PERIOD) * exponents)
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)


def _window(size: int) -> int:
    """Returns the side of the windows that attention, Fourier filter and group norm work in, for a tile of `size` pixels."""
    if size <= TRAINED_TILE:
        return size
    return TRAINED_TILE if size % TRAINED_TILE == 0 else TRAINED_TILE // 2


def _time_projection(width: int) -> nn.Sequential:
    return nn.Sequential(nn.SiLU(), nn.Linear(TIME_WIDTH, width))


def _unused(inputs: int, width: int) -> nn.Sequential:
    """Builds a layer that the released checkpoints hold and its forward pass never calls."""
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU())


class ReleasedSSDiff(nn.Module):
    """Predicts the residual HRMS - LMS from a noisy one and the images, all divided by full scale."""

    def __init__(self, config: ReleasedConfig) -> None:
        super().__init__()
        self.config = config
        bands, dim = config.bands, config.dim
        self.upsample = MsSkip(bands, RATIO)
        self.raise_ms_dim, self.raise_pan_dim = _unused(dim, dim), _unused(dim, dim)
        self.to_hrms = nn.Sequential(
            nn.Conv2d(dim, dim, 3, padding=1), nn.LeakyReLU(), nn.Conv2d(dim, bands, 3, padding=1)
        )
        self.time_embed = nn.Sequential(
            nn.Linear(_TIME_FEATURES, TIME_WIDTH), nn.SiLU(), nn.Linear(TIME_WIDTH, TIME_WIDTH)
        )
        self.conv_lms2x_t = nn.Conv2d(2 * bands, dim, 3, padding=1)
        self.conv_pan2x_t = nn.Conv2d(bands + 1, dim, 3, padding=1)
        self.conv_x_t = nn.Conv2d(bands, dim, 3, padding=1)  # never used
        self.fusformer0, self.down0, self.resblock0 = (
            Fusformer(dim),
            ReleasedDown(dim),
            ResBlock(dim),
        )
        self.fusformer1, self.down1, self.resblock1 = (
            Fusformer(2 * dim),
            ReleasedDown(2 * dim),
            ResBlock(2 * dim),
        )
        self.fusformer2, self.up0, self.resblock2 = (
            Fusformer(4 * dim),
            ReleasedUp(4 * dim),
            ResBlock(4 * dim),
        )
        self.fusformer3, self.up1, self.resblock3 = (
            Fusformer(2 * dim),
            ReleasedUp(2 * dim),
            ResBlock(2 * dim),
        )
        self.fusformer4 = Fusformer(dim)
        self.out_layers_pan = normalised_out(nn.BatchNorm2d(dim), dim)
        self.out_layers_lms = normalised_out(nn.BatchNorm2d(dim), dim)
        self.emb_layers_pan, self.emb_layers_lms = _time_projection(dim), _time_projection(dim)

    @property
    def multiple(self) -> int:
        """What the height and width of a tile must be multiples of, in PAN pixels."""
        return TRAINED_TILE // 2

    @property
    def receptive_radius(self) -> int:
        """No input pixel further than this, in PAN pixels, influences an output pixel.

        Each of the five levels spreads over a window, and the convolutions before each reach into the next window at most.
        """
        return 6 * TRAINED_TILE

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state from the noisy one.

        Tiles up to 64 x 64 are computed as the released code does. It was trained on none larger: there the layers that look at
        the whole tile (attention, Fourier filter, group norm) look at windows of the trained size.

        Args:
            lms: ``(B, bands, H, W)``; H and W multiples of 4 up to 64, and of 32 beyond.
            pan: ``(B, 1, H, W)``.
            ms: ``(B, bands, H/4, W/4)``.
            x_t: ``(B, bands, H, W)``, the noisy residual.
            t: ``(B,)``, the diffusion step.

        Returns:
            ``(B, bands, H, W)``: the residual.

        Raises:
            ModelError: When the tile's size or band count does not fit the network.
        """
        self._check(lms)
        embedding = self.time_embed(_time_features(t))
        spatial = (
            self.conv_pan2x_t(torch.cat([pan, x_t], dim=1))
            + self.emb_layers_pan(embedding)[..., None, None]
        )
        spectral = (
            self.conv_lms2x_t(torch.cat([lms, x_t], dim=1))
            + self.emb_layers_lms(embedding)[..., None, None]
        )
        fused = self._levels(self.out_layers_lms(spectral), self.out_layers_pan(spatial), embedding)
        out: Tensor = self.to_hrms(fused) + self.upsample(ms)
        return out

    def _levels(self, spectral: Tensor, spatial: Tensor, embedding: Tensor) -> Tensor:
        """Returns the spectral stream after all five levels; both streams share the down and up modules."""
        rows, cols = (_window(size) for size in spectral.shape[-2:])
        windows = [(rows >> depth, cols >> depth) for depth in _DEPTHS]
        spectral0 = self._inject(0, windows[0], spectral, spatial)
        spatial0 = self.resblock0(spatial, embedding, windows[0])
        spectral, spatial = self.down0(spectral0), self.down0(spatial0)
        spectral1 = self._inject(1, windows[1], spectral, spatial)
        spatial1 = self.resblock1(spatial, embedding, windows[1])
        spectral, spatial = self.down1(spectral1), self.down1(spatial1)
        spectral = self._inject(2, windows[2], spectral, spatial)
        spatial = self.resblock2(spatial, embedding, windows[2])
        spectral, spatial = self.up0(spectral, spectral1), self.up0(spatial, spatial1)
        spectral = self._inject(3, windows[3], spectral, spatial)
        spatial = self.resblock3(spatial, embedding, windows[3])
        spectral, spatial = self.up1(spectral, spectral0), self.up1(spatial, spatial0)
        return self._inject(4, windows[4], spectral, spatial)

    def _inject(
        self, level: int, window: tuple[int, int], spectral: Tensor, spatial: Tensor
    ) -> Tensor:
        fusformer = self.get_submodule(f"fusformer{level}")

        def fuse(spectra: Tensor, space: Tensor) -> Tensor:
            amplified = spectra[:, : _SPECTRAL_CHANNELS[level]] * _SPECTRAL_GAINS[level]
            spectra = torch.cat([amplified, spectra[:, _SPECTRAL_CHANNELS[level] :]], dim=1)
            out: Tensor = fusformer(spectra, scale_low_bins(space, _FOURIER_GAINS[level]))
            return out

        return in_windows(fuse, window, spectral, spatial)

    def _check(self, lms: Tensor) -> None:
        bands, height, width = lms.shape[-3:]
        if bands != self.config.bands:
            raise ModelError(f"the network was built for {self.config.bands} bands, got {bands}")
        if any(
            size % (RATIO if size <= TRAINED_TILE else self.multiple) for size in (height, width)
        ):
            raise ModelError(
                f"a tile of {height} x {width} pixels does not fit: both must be multiples of {self.multiple}"
            )


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(tensor.shape) for name, tensor in state.items() if isinstance(tensor, Tensor)
    }


def _named(names: list[str]) -> str:
    return ", ".join(names[:_MAX_NAMED]) + (
        f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    )


def config_from_state_dict(state: Mapping[str, Any]) -> ReleasedConfig:
    """Infers the configuration from a released checkpoint's state dict, and checks every name and shape against it.

    Raises:
        ModelError: When it is no state dict of the released network.
    """
    found = _shapes(state)
    stem = found.get("conv_lms2x_t.weight", ())
    if len(stem) != 4:
        raise ModelError(
            "no state dict of the released SSDiff network: it has no 4-D tensor 'conv_lms2x_t.weight'"
        )
    config = ReleasedConfig(dim=stem[0], bands=stem[1] // 2)
    with torch.device("meta"):
        expected = _shapes(ReleasedSSDiff(config).state_dict())
    problems = {
        "lacks": sorted(expected.keys() - found.keys()),
        "has unknown": sorted(state.keys() - expected.keys()),
        "has other shapes in": sorted(
            name for name in expected.keys() & found.keys() if expected[name] != found[name]
        ),
    }
    told = "; ".join(f"it {what} {_named(names)}" for what, names in problems.items() if names)
    if told:
        raise ModelError(
            f"no state dict of the released SSDiff network with {config.bands} bands and {config.dim} channels: {told}"
        )
    return config
