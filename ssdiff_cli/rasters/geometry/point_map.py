"""Maps of arrays of points."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from affine import Affine

__all__ = ["Coordinates", "PointMap", "Points", "affine_map", "identity"]

Coordinates = npt.NDArray[np.floating]
Points = tuple[Coordinates, Coordinates]
"""x and y of points, or columns and rows, as arrays of one shape."""
PointMap = Callable[[Coordinates, Coordinates], Points]
"""Maps arrays of (x, y) to (x, y); points that have no image become infinite."""


def identity(x: Coordinates, y: Coordinates) -> Points:
    """Returns the points unchanged."""
    return x, y


def affine_map(transform: Affine) -> PointMap:
    """Returns an affine transform as a map."""
    a, b, c, d, e, f = tuple(transform)[:6]

    def apply(x: Coordinates, y: Coordinates) -> Points:
        # Points without an image in a projection are infinite and stay so.
        with np.errstate(invalid="ignore"):
            return a * x + b * y + c, d * x + e * y + f

    return apply
