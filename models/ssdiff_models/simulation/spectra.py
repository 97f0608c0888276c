"""A small spectral library: smooth reflectance curves of the materials of a scene, 400 to 2300 nm.

The curves in `reflectance.csv` (percent at some wavelengths) are drawn by hand after the shapes of
every spectral library: chlorophyll absorption and red edge, iron slope of soils, water's fall in
the infrared. They are plausible, not measured.
"""

from collections.abc import Sequence
from importlib import resources

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError

__all__ = ["MATERIALS", "WAVELENGTHS", "reflectance"]

WAVELENGTHS: npt.NDArray[np.float64] = np.arange(380.0, 2401.0, 4.0)
"""Sampling of the curves, in nm."""

_SMOOTHING = 7

_PATH = resources.files(__package__).joinpath("reflectance.csv")
_LINES = _PATH.read_text(encoding="utf-8").splitlines()
_HEADER, *_ROWS = (line.split(",") for line in _LINES)
_KNOTS = [float(wavelength) for wavelength in _HEADER[1:]]
_PERCENT = {name: [float(value) for value in values] for name, *values in _ROWS}

MATERIALS: tuple[str, ...] = tuple(_PERCENT)
"""Names of the library's materials."""


def reflectance(materials: Sequence[str] = MATERIALS) -> npt.NDArray[np.float64]:
    """Returns the curves ``(materials, wavelengths)`` at `WAVELENGTHS`, between 0 and 1.

    Raises:
        UsageError: When a material is not in the library.
    """
    unknown = [name for name in materials if name not in _PERCENT]
    if unknown:
        raise UsageError(f"unknown material {unknown[0]!r}: the library has {', '.join(MATERIALS)}")
    window = np.hanning(_SMOOTHING + 2)[1:-1]
    window = window / window.sum()
    return np.stack([_curve(_PERCENT[name], window) for name in materials])


def _curve(percent: Sequence[float], window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sampled = np.interp(WAVELENGTHS, _KNOTS, np.array(percent) / 100)
    half = len(window) // 2
    padded = np.pad(sampled, half, mode="edge")
    return np.convolve(padded, window, mode="valid")
