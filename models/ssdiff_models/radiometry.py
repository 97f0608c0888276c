"""Radiometry: DN to and from the range a network works in, and back to the raster's own dtype."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import InputError

__all__ = ["BandStatistics", "SceneStatistics", "cast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStatistics:
    """Mean, standard deviation and range of one band's valid pixels, in DN."""

    mean: float
    std: float
    minimum: float
    maximum: float

    @property
    def offset(self) -> float:
        """The value that counts as black, in DN: 0, or below the data where they are signed or centred."""
        return 0.0 if self.minimum >= 0 or self.mean > 2 * self.std else self.mean - 3 * self.std

    @property
    def scale(self) -> float:
        """The mean above `offset`, in DN; what the scene-mean normalisation divides by.

        Raises:
            InputError: When the band is constant zero.
        """
        scale = self.mean - self.offset
        if not scale > 0:
            raise InputError(
                f"a band is constant (mean {self.mean:g}, std {self.std:g}): choose bands with content with --bidx"
            )
        return scale


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneStatistics:
    """Radiometry of a whole scene, the same for each of its tiles."""

    pan: BandStatistics
    ms: tuple[BandStatistics, ...]


def cast(values: npt.NDArray[np.floating], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Converts DN to `dtype`: integers are rounded half to even and clipped, never wrapped."""
    target = np.dtype(dtype)
    if target.kind not in "iu":
        return values.astype(target)
    info = np.iinfo(target)
    # float32 cannot hold the largest 32-bit integers, nor float64 the largest 64-bit ones, and a cast beyond them wraps.
    wide = values.astype(np.float64) if target.itemsize >= 4 else values
    top = float(info.max) if target.itemsize < 8 else np.nextafter(float(info.max), 0)
    return np.rint(np.clip(wide, info.min, top)).astype(target)
