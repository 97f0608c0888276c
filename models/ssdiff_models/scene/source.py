"""What the engine needs of a scene: a Source of aligned pixels and a Sink for fused ones. No files here."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = [
    "BoolArray",
    "FloatArray",
    "NativeMs",
    "Patch",
    "ScatteredMs",
    "Sink",
    "Source",
]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeMs:
    """MS pixels as they were given, where they are as large as model pixels but lie between them."""

    pixels: FloatArray
    """``(bands, rows, cols)``: as many as there are model pixels under the window, without a halo."""
    phase: tuple[float, float]
    """PAN row and column, from the corner of the first model pixel on, of the centre of pixel (0, 0); the same in the whole scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredMs:
    """MS pixels as they were given, where they are turned against the model's or not as large."""

    pixels: FloatArray
    """``(bands, n, m)``: those under the window, and some around them."""
    rows: npt.NDArray[np.floating]
    """``(rows, cols)``: row among `pixels` of the centre of each PAN pixel of the window, 0 being the centre of the first; it may lie
    beyond them where the MS ends, and be infinite or NaN where it has no place."""
    cols: npt.NDArray[np.floating]
    """The columns alike."""
    pitch: float
    """PAN pixels per MS pixel, the same in the whole scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The pixels of one window, in DN; invalid ones are already filled from valid neighbours, so every value is finite."""

    pan: FloatArray
    """``(rows, cols)`` of the window; mirrored where the window overhangs the scene."""
    ms: FloatArray
    """``(bands, rows, cols)`` of `ModelGrid.ms_window`: `MS_HALO` pixels more on every side."""
    valid: BoolArray
    """``(rows, cols)``: True where PAN and all MS bands under the pixel are valid; False outside the scene."""
    native_ms: NativeMs | ScatteredMs | None = None
    """What `ms` was interpolated from; None where it was not, or from something as fine as the PAN."""


class Source(Protocol):
    """A PAN/MS pair on one grid. `read` may be called from any one thread at a time."""

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        ...

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        ...

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        ...

    @property
    def ratio(self) -> int:
        """PAN pixels per MS model pixel, on each axis."""
        ...

    @property
    def area(self) -> Window:
        """The part of the PAN grid that is asked for, inside ``(0, 0, rows, cols)``."""
        ...

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the whole scene (not of `area`) from one decimated read that respects the masks."""
        ...

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the scene."""
        ...


class Sink(Protocol):
    """Where fused blocks go."""

    def write(self, block: Window, fused: FloatArray, valid: BoolArray) -> None:
        """Takes ``(bands, rows, cols)`` float32 in DN and the validity of its pixels; blocks arrive once each, row-major."""
        ...
