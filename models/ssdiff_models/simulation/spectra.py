"""A small spectral library: smooth reflectance curves of the materials a simulated scene is made of, 400 to 2300 nm.

The curves are drawn by hand after the shapes every spectral library shows (chlorophyll absorption and red edge, iron slope of
soils, water's fall in the infrared); they are plausible, not measured.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ssdiff_models.errors import UsageError

__all__ = ["MATERIALS", "WAVELENGTHS", "reflectance"]

WAVELENGTHS: npt.NDArray[np.float64] = np.arange(380.0, 2401.0, 4.0)
"""Sampling of the curves, in nm."""

_KNOTS = (400, 450, 500, 550, 600, 650, 680, 700, 720, 750, 800, 900, 1000, 1600, 2200)
_SMOOTHING = 7

# Reflectance in percent at the wavelengths of _KNOTS.
_PERCENT: dict[str, tuple[float, ...]] = {
    "grass": (3, 3.5, 4, 9, 6, 4.5, 4, 10, 22, 38, 43, 45, 44, 27, 13),
    "meadow": (4, 5, 6, 10, 9, 8, 7.5, 13, 22, 33, 37, 40, 40, 30, 18),
    "dry_grass": (6, 8, 11, 15, 18, 21, 22, 24, 26, 29, 32, 36, 39, 40, 30),
    "broadleaf": (2, 2.5, 3, 6.5, 4, 3, 2.6, 7, 18, 36, 42, 44, 43, 21, 9),
    "autumn_leaf": (2.5, 3, 4, 9, 11, 11, 10, 14, 22, 34, 39, 42, 42, 24, 12),
    "conifer": (1.8, 2, 2.4, 4.2, 3, 2.4, 2.2, 5, 12, 22, 26, 27, 27, 12, 5),
    "soil": (5, 7, 9, 12, 15.5, 18, 19, 20, 21, 23, 25, 29, 32, 40, 36),
    "moist_soil": (3, 4, 5, 6.5, 8.5, 10, 10.6, 11, 11.6, 12.6, 14, 16.5, 18, 20, 15),
    "sand": (12, 16, 20, 25, 30, 34, 35.5, 36.5, 38, 40, 42, 46, 48, 55, 50),
    "mud": (5, 6, 8, 10, 11.5, 12.5, 12.8, 13, 13.2, 13.5, 14, 14.5, 14, 10, 6),
    "wheat": (3, 3.5, 4.2, 8, 5.2, 3.8, 3.4, 9, 21, 42, 48, 50, 48, 25, 11),
    "maize": (3, 3.4, 4.4, 11, 7, 4.8, 4.3, 12, 25, 40, 44, 46, 45, 28, 14),
    "beet": (3.2, 3.6, 4.6, 12, 7.5, 5, 4.4, 13, 28, 47, 53, 55, 53, 29, 13),
    "rapeseed": (3, 4, 9, 26, 29, 25, 23, 27, 35, 45, 49, 50, 48, 30, 16),
    "ripe_grain": (8, 11, 15, 21, 27, 32, 34, 35.5, 38, 42, 46, 52, 55, 48, 35),
    "stubble": (7, 9.5, 12.5, 17, 21, 24, 25, 26, 27.5, 30, 33, 38, 41, 45, 36),
    "asphalt": (6.5, 7.4, 8.2, 9, 9.6, 10.2, 10.4, 10.6, 10.8, 11, 11.5, 12.3, 13, 16, 16),
    "old_asphalt": (10, 11.5, 12.8, 14, 15, 15.8, 16, 16.2, 16.5, 17, 17.5, 18.5, 19, 23, 23),
    "concrete": (16, 20, 23, 26, 28, 29.5, 30, 30.3, 30.6, 31, 32, 33, 34, 38, 36),
    "paving": (12, 15, 18, 21, 24, 26, 26.5, 27, 27.2, 27.6, 28, 29, 30, 34, 31),
    "gravel": (11, 13, 15.5, 18, 20, 21.5, 22, 22.2, 22.5, 23, 24, 25, 26, 30, 29),
    "ballast": (6, 7, 8.5, 10, 11.5, 13, 13.4, 13.6, 14, 14.5, 15, 16, 17, 22, 22),
    "clay_roof": (4.5, 5.5, 7, 10, 20, 26.5, 28.5, 29.5, 30.5, 31.5, 33, 35, 37, 45, 41),
    "brown_roof": (4, 4.6, 5.6, 7.4, 11, 14, 15, 15.6, 16.2, 17, 18.5, 20.5, 22, 30, 28),
    "slate_roof": (7, 7.8, 8.4, 8.9, 9.2, 9.5, 9.6, 9.7, 9.8, 10, 10.4, 11, 11.6, 14, 14),
    "bitumen_roof": (5, 5.5, 6, 6.6, 7.2, 7.8, 8, 8.2, 8.4, 8.7, 9.2, 10, 10.8, 14, 14),
    "white_roof": (40, 55, 61, 64, 65, 66, 66, 66, 66, 66, 66, 65, 64, 57, 48),
    "metal_roof": (22, 25, 27, 28, 28.4, 28.6, 28.6, 28.6, 28.5, 28.3, 28, 27, 27, 34, 34),
    "blue_roof": (12, 24, 26, 17, 10, 8, 8, 9, 12, 19, 28, 33, 34, 33, 28),
    "green_roof": (5, 7, 13, 18, 11, 7, 7, 8, 11, 16, 22, 26, 27, 27, 22),
    "glass": (28, 35, 39, 41, 42, 42, 42, 43, 44, 46, 47, 47, 44, 30, 18),
    "solar_panel": (5, 6, 4.4, 3.6, 3.3, 3.3, 3.3, 3.4, 3.5, 3.7, 4.2, 6, 10, 30, 20),
    "river": (4.2, 5.2, 6, 6.2, 4.6, 3.2, 2.7, 2.2, 1.7, 1.4, 1.1, 0.7, 0.5, 0.1, 0.1),
    "shallow_water": (5, 6.8, 8.8, 10.4, 9, 7.4, 6.8, 5.6, 4, 3.4, 3, 2.4, 1.6, 0.2, 0.1),
    "pool": (24, 38, 43, 36, 16, 9, 7, 5.5, 4.5, 3.6, 3.2, 2.4, 1.8, 0.3, 0.2),
    "white_paint": (38, 52, 58, 60, 61, 61, 61, 61, 61, 61, 61, 60, 59, 52, 44),
    "silver_paint": (24, 28, 30, 31, 31.5, 32, 32, 32, 32, 32, 32, 32, 32, 32, 31),
    "black_paint": (2.6, 2.7, 2.8, 2.8, 2.9, 2.9, 2.9, 3, 3, 3.1, 3.3, 3.8, 4.4, 7, 8),
    "red_paint": (3.5, 3.5, 3.5, 4, 15, 31, 34, 36, 37.5, 39, 41, 44, 46, 45, 40),
    "blue_paint": (10, 18, 15, 8, 5, 4.5, 4.5, 5, 7, 11, 19, 27, 30, 31, 28),
    "blue_court": (11, 20, 19, 13, 9, 8, 8, 8.5, 10, 14, 20, 25, 27, 29, 26),
    "red_court": (5, 5.5, 6.5, 9, 19, 25, 26.5, 27, 28, 29, 30, 32, 34, 40, 37),
}

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
    return np.stack([_curve(_PERCENT[name], window / window.sum()) for name in materials])


def _curve(percent: tuple[float, ...], window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sampled = np.interp(WAVELENGTHS, _KNOTS, np.array(percent) / 100)
    half = len(window) // 2
    return np.convolve(np.pad(sampled, half, mode="edge"), window, mode="valid")
