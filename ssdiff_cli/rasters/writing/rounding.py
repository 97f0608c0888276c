"""DN as the pixels that a file stores."""

import numpy as np
import numpy.typing as npt

from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["Pixels", "round_to_dtype"]

Pixels = npt.NDArray[np.generic]


def round_to_dtype(fused: FloatArray, valid: BoolArray, profile: OutputProfile) -> Pixels:
    """Rounds and clips DN; invalid pixels become nodata, and no valid one does.

    Args:
        fused: ``(bands, rows, cols)``.
        valid: ``(rows, cols)``.
        profile: The output's data type, bits and nodata.
    """
    if profile.maximum is not None:
        fused = np.minimum(fused, np.float32(profile.maximum))
    if not valid.all():
        # A cast of NaN in invalid pixels would warn.
        fused = np.where(valid, fused, np.float32(0))
    pixels = cast(fused, profile.dtype)
    if profile.nodata is None:
        return pixels
    nodata = profile.dtype.type(profile.nodata)
    pixels[pixels == nodata] = _neighbour(profile.nodata, profile)
    pixels[:, ~valid] = nodata
    return pixels


def _neighbour(nodata: float, profile: OutputProfile) -> float:
    """Returns the value next to nodata, away from the end of the range."""
    if profile.dtype.kind == "f":
        towards = profile.dtype.type(0 if nodata else 1)
        return float(np.nextafter(profile.dtype.type(nodata), towards))
    top = np.iinfo(profile.dtype).max if profile.maximum is None else profile.maximum
    return nodata - 1 if nodata == top else nodata + 1
