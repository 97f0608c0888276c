"""Data types of images: their limits, and how a fused image is rounded into them."""

import numpy as np
import numpy.typing as npt

__all__ = ["cast", "default_limits"]


def cast(values: npt.NDArray[np.floating], dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """Converts DN to `dtype`: integers are rounded half to even and clipped, never wrapped."""
    target = np.dtype(dtype)
    if target.kind not in "iu":
        return values.astype(target)
    info = np.iinfo(target)
    # float32 cannot hold the largest 32-bit integers, nor float64 the largest 64-bit ones.
    wide = values.astype(np.float64) if target.itemsize >= 4 else values
    highest = float(info.max)
    top = highest if target.itemsize < 8 else np.nextafter(highest, 0)
    rounded = np.clip(wide, info.min, top)
    np.rint(rounded, out=rounded)
    return rounded.astype(target)


def default_limits(dtype: npt.DTypeLike) -> tuple[float, float] | None:
    """Returns the range of an integer type, None for floats."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return None
    info = np.iinfo(kind)
    return float(info.min), float(info.max)
