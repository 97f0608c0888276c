"""How the MS grid of a model lies on the PAN grid."""

from dataclasses import dataclass

from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.windows import Window

__all__ = ["ModelGrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelGrid:
    """MS pixels that each cover `ratio` x `ratio` PAN pixels, from PAN (0, 0) on."""

    ratio: int
    """PAN pixels per MS pixel, on each axis."""
    phase: float
    """PAN index of the centre of MS pixel 0, on each axis."""
    pitch: float | None = None
    """PAN pixels per MS pixel of the file, where that is coarser than this grid; None: `ratio`."""

    @property
    def seen(self) -> float:
        """PAN pixels per pixel that the sensor saw: what its low-pass depends on."""
        return self.pitch or self.ratio

    @classmethod
    def aligned(cls, ratio: int) -> "ModelGrid":
        """Returns the grid whose outer corners are those of the PAN grid."""
        centre = (ratio - 1) / 2
        return cls(ratio=ratio, phase=centre)

    def whole_pixels(self, reach: int) -> int:
        """Rounds a distance in PAN pixels up to whole MS pixels."""
        count = -(-reach // self.ratio)
        return count * self.ratio

    def ms_window(self, window: Window) -> Window:
        """Returns the MS pixels under a PAN window and `MS_HALO` more on every side."""
        under = window.coarser(self.ratio)
        return under.expand(MS_HALO)
