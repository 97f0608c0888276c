"""What a fusion works on: tiles in DN, batches of them, and images in the network's range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.target import Target, stacked_targets, target_of
from ssdiff_models.scene.source import BoolArray, Patch
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["BandRange", "InputBatch", "InputTile", "NetworkImages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandRange:
    """The affine map between DN and the network's range: ``(dn - centre) / scale``."""

    centre: Tensor
    """``(bands, 1, 1)`` float32, DN."""
    scale: Tensor
    """``(bands, 1, 1)`` float32, DN."""

    @classmethod
    def of(cls, checkpoint: Checkpoint, bands: Sequence[BandStatistics]) -> "BandRange":
        """Returns the map of a model for some bands of a scene."""
        if checkpoint.normalisation == "scene-mean":
            centres = [band.offset + band.scale for band in bands]
            scales = [band.scale for band in bands]
        else:
            centres = [band.zero for band in bands]
            scales = [float(checkpoint.full_scale or 1)] * len(bands)
        return cls(
            centre=torch.tensor(centres)[:, None, None], scale=torch.tensor(scales)[:, None, None]
        )

    def normalise(self, dn: Tensor) -> Tensor:
        """Maps DN to the network's range."""
        return (dn - self.centre.to(dn.device)) / self.scale.to(dn.device)

    def restore(self, values: Tensor) -> Tensor:
        """Maps the network's range to DN."""
        return values * self.scale.to(values.device) + self.centre.to(values.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTile:
    """One tile in DN."""

    window: Window
    pan: Tensor
    """``(1, rows, cols)``."""
    ms: Tensor
    """``(bands, rows/ratio + 2*MS_HALO, cols/ratio + 2*MS_HALO)``."""
    valid: BoolArray
    """``(rows, cols)``."""
    blank: bool
    """Whether no pixel is valid; such a tile is not computed."""
    native_ms: Target | None = None
    """The MS pixels on their own grid, where those of `ms` were interpolated."""

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
class InputBatch:
    """Tiles of one shape in DN, on one device."""

    windows: Sequence[Window]
    pan: Tensor
    """``(B, 1, rows, cols)``."""
    ms: Tensor
    """``(B, bands, rows/ratio + 2*MS_HALO, cols/ratio + 2*MS_HALO)``."""
    native_ms: Target | None
    """The MS pixels on their own grid, where those of `ms` were interpolated."""

    @classmethod
    def of(cls, tiles: Sequence[InputTile]) -> "InputBatch":
        """Returns a batch of tiles that have pixels."""
        targets = [tile.native_ms for tile in tiles if tile.native_ms is not None]
        return cls(
            windows=[tile.window for tile in tiles],
            pan=torch.stack([tile.pan for tile in tiles]),
            ms=torch.stack([tile.ms for tile in tiles]),
            native_ms=stacked_targets(targets),
        )

    def sent(self, send: Callable[[Tensor], Tensor]) -> "InputBatch":
        """Returns the batch on another device."""
        return InputBatch(
            windows=self.windows,
            pan=send(self.pan),
            ms=send(self.ms),
            native_ms=self.native_ms and self.native_ms.sent(send),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkImages:
    """A batch of tiles in the network's range."""

    pan: Tensor
    """``(B, 1, rows, cols)``."""
    lms: Tensor
    """``(B, bands, rows, cols)``: the LMS, or the prior image that replaces it."""
    ms: Tensor
    """``(B, bands, rows/ratio, cols/ratio)``."""
