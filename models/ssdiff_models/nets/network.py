"""What every network has in common: its config, its tile sizes and its branches."""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn

from ssdiff_models.errors import ModelError

__all__ = ["Branch", "Network", "NetworkConfig"]

Branch = Literal["spatial", "spectral"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What fixes the shapes of a network."""

    bands: int
    """Number of MS bands."""


class Network(nn.Module, ABC):
    """Predicts what an image lacks from the PAN, the MS, the image and a noisy residual.

    The image is the LMS, as in the paper, or another prior image (`fusion.prior`).
    """

    config: NetworkConfig

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def multiple(self) -> int:
        """Height and width of a tile are multiples of this, in PAN pixels."""

    @property
    @abstractmethod
    def receptive_radius(self) -> int | None:
        """No input pixel farther than this, in PAN pixels, influences an output pixel.

        None: every pixel of a tile may.
        """

    @property
    def stride(self) -> int:
        """Side in PAN pixels of the square that a pixel of the last layer stands for."""
        return 1

    @property
    @abstractmethod
    def last_layer(self) -> nn.Conv2d:
        """The 3 x 3 convolution from features to bands, `stride` squared channels of each."""

    @property
    def diffuses(self) -> bool:
        """Whether the noisy residual and its step matter; else the network is a regression."""
        return True

    def tiling(self, patch: int) -> tuple[int, int]:
        """Returns the distance between tiles and their overlap, in PAN pixels.

        `patch` is the side of the patches of training.
        """
        del patch
        return 256, 32

    @abstractmethod
    def branch_of(self, name: str) -> Branch | None:
        """Returns the branch that a parameter belongs to; None where there is only one."""

    @abstractmethod
    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the clean state from the noisy one, all images in the network's range.

        Args:
            lms: ``(B, bands, H, W)``; H and W are multiples of `multiple`.
            pan: ``(B, 1, H, W)``.
            ms: ``(B, bands, H/ratio, W/ratio)``.
            x_t: ``(B, bands, H, W)``, the noisy residual.
            t: ``(B,)``, the diffusion step.

        Returns:
            ``(B, bands, H, W)``: the residual, in the scale of `x_t`.

        Raises:
            ModelError: When the size or the bands of the tile do not fit.
        """

    def fits(self, size: int) -> bool:
        """Tells whether a tile may have that many rows or columns."""
        return size % self.multiple == 0

    def check_tile(self, lms: Tensor) -> None:
        """Checks an image ``(B, bands, H, W)`` before it is computed.

        Raises:
            ModelError: When its size or its bands do not fit the network.
        """
        bands, height, width = lms.shape[-3:]
        if bands != self.config.bands:
            raise ModelError(f"the network was built for {self.config.bands} bands, got {bands}")
        if not (self.fits(height) and self.fits(width)):
            raise ModelError(
                f"a tile of {height} x {width} pixels does not fit: "
                f"both must be multiples of {self.multiple}"
            )

    def prepared(self, device: torch.device | None = None) -> Self:
        """Returns the network on a device, or where it is, in the memory order of convolutions.

        It is the network itself where that is so already, else a copy.
        """
        weights = list(self.parameters())
        there = device is None or all(
            weight.device.type == device.type and device.index in {None, weight.device.index}
            for weight in weights
        )
        ordered = all(
            weight.is_contiguous(memory_format=torch.channels_last)
            for weight in weights
            if weight.ndim == 4
        )
        return self if there and ordered else copy.deepcopy(self).channels_last().to(device)

    def channels_last(self) -> Self:
        """Reorders the weights in place; kernels sum in another order otherwise."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
