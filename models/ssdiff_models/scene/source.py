"""A `Source` of aligned pixels and a `Sink` for fused ones; no files here."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = [
    "SCATTERED_MARGIN",
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
SCATTERED_MARGIN = 6
"""MS pixels around those under a window that `ScatteredMs` holds: filters see 5, rounding 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeMs:
    """Original MS pixels, as large as the model's but between them."""

    pixels: FloatArray
    """``(bands, rows, cols)``: as many as there are model pixels under the window, no halo."""
    phase: tuple[float, float]
    """PAN row and column of the centre of pixel (0, 0), from the corner of the window's first model
    pixel; the same in the whole scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredMs:
    """Original MS pixels of another size or direction than the model's."""

    pixels: FloatArray
    """``(bands, n, m)``: those under the window, and `SCATTERED_MARGIN` more around them."""
    rows: npt.NDArray[np.floating]
    """``(rows, cols)``: row among `pixels` of the centre of each PAN pixel of the window.

    0 is the centre of the first. Rows may lie beyond the MS, and be infinite or NaN.
    """
    cols: npt.NDArray[np.floating]
    """The same for columns."""
    pitch: float
    """PAN pixels per MS pixel, the same in the whole scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The pixels of one window, in DN; invalid ones are filled from valid neighbours, so finite."""

    pan: FloatArray
    """``(rows, cols)`` of the window; mirrored where it overhangs the scene."""
    ms: FloatArray
    """``(bands, rows, cols)`` of `ModelGrid.ms_window`: with `MS_HALO` pixels on every side."""
    valid: BoolArray
    """``(rows, cols)``: True where PAN and all MS bands are valid; False outside the scene."""
    native_ms: NativeMs | ScatteredMs | None = None
    """The MS pixels that `ms` was interpolated from; None where `ms` is as in the file, or the file
    was resampled to PAN pixels before."""


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
        """The part of the PAN grid to fuse, inside ``(0, 0, rows, cols)``."""
        ...

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the whole scene (not of `area`), from its valid pixels."""
        ...

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the scene."""
        ...


class Sink(Protocol):
    """The destination of fused blocks."""

    def write(self, block: Window, fused: FloatArray, valid: BoolArray) -> None:
        """Takes a block; each comes once, in row-major order.

        `fused` is ``(bands, rows, cols)`` in DN, `valid` is ``(rows, cols)``.
        """
        ...
