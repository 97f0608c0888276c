"""Fused DN to stored pixels."""

import numpy as np

from ssdiff_cli.rasters.blocks import Pixels
from ssdiff_cli.rasters.profile import OutputProfile
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = ["settle"]


def settle(fused: FloatArray, valid: BoolArray, profile: OutputProfile) -> Pixels:
    """Converts DN to stored pixels: rounded, clipped, invalid ones at nodata, and no valid one there.

    Args:
        fused: ``(bands, rows, cols)``.
        valid: ``(rows, cols)``.
        profile: What is stored.
    """
    if profile.maximum is not None:
        fused = np.minimum(fused, np.float32(profile.maximum))
    # Whatever invalid pixels hold must not warn about not being a number.
    pixels = cast(fused if valid.all() else np.where(valid, fused, np.float32(0)), profile.dtype)
    if profile.nodata is None:
        return pixels
    nodata = profile.dtype.type(profile.nodata)
    pixels[pixels == nodata] = _neighbour(profile.nodata, profile)
    pixels[:, ~valid] = nodata
    return pixels


def _neighbour(nodata: float, profile: OutputProfile) -> float:
    """The value next to nodata, away from the end of the range."""
    if profile.dtype.kind == "f":
        return float(np.nextafter(profile.dtype.type(nodata), profile.dtype.type(0 if nodata else 1)))
    top = np.iinfo(profile.dtype).max if profile.maximum is None else profile.maximum
    return nodata - 1 if nodata == top else nodata + 1
