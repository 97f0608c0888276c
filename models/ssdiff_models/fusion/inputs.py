"""What a fusion works on: tiles as they were read, and the same in the network's range."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.consistency.target import Target, target_of
from ssdiff_models.scene.source import BoolArray, Patch
from ssdiff_models.scene.windows import Window

__all__ = ["BandRange", "InputTile", "NetworkImages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandRange:
    """The affine map between DN and the network's range: ``(dn - centre) / scale``."""

    centre: Tensor
    """``(bands, 1, 1)`` float32, DN."""
    scale: Tensor
    """``(bands, 1, 1)`` float32, DN."""

    def normalise(self, dn: Tensor) -> Tensor:
        """Maps DN to the network's range."""
        return (dn - self.centre.to(dn.device)) / self.scale.to(dn.device)

    def restore(self, values: Tensor) -> Tensor:
        """Maps the network's range to DN."""
        return values * self.scale.to(values.device) + self.centre.to(values.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTile:
    """One tile as it was read, in DN."""

    window: Window
    pan: Tensor
    """``(1, rows, cols)``."""
    ms: Tensor
    """``(bands, rows/ratio + 2*MS_HALO, cols/ratio + 2*MS_HALO)``."""
    valid: BoolArray
    """``(rows, cols)``."""
    blank: bool
    """True where no pixel is valid: nothing need be computed."""
    native_ms: Target | None = None
    """The MS pixels as they were given, where those of `ms` were interpolated."""

    @classmethod
    def of(cls, patch: Patch, window: Window) -> "InputTile":
        """Returns the tile of a patch."""
        blank = not patch.valid.any()
        return cls(
            window=window,
            pan=torch.from_numpy(patch.pan)[None],
            ms=torch.from_numpy(patch.ms),
            valid=patch.valid,
            blank=blank,
            native_ms=None if blank or patch.native_ms is None else target_of(patch.native_ms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkImages:
    """A batch of tiles in the network's range."""

    pan: Tensor
    """``(B, 1, rows, cols)``."""
    lms: Tensor
    """``(B, bands, rows, cols)``: the LMS, or the prior image that stands in its place."""
    ms: Tensor
    """``(B, bands, rows/ratio, cols/ratio)``."""
