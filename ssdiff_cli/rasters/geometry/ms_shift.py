"""What moves the MS to where the PAN shows its content: a shift that may change over the scene, as maps of PAN coordinates."""

from affine import Affine

from ssdiff_cli.rasters.geometry.georeference import Coordinates, PointMap, affine_map
from ssdiff_models.registration.surface import Surface

__all__ = ["moved", "unmoved"]

ROUNDS = 8
"""Steps of the fixed point that inverts a surface: it rises by some hundredths of a pixel per pixel, so each step gains a digit."""


def unmoved(motion: Affine, surface: Surface | None) -> PointMap:
    """Returns the map of PAN (column, row) to where the georeferencing says that the content there lies.

    Args:
        motion: The linear part, from there to here.
        surface: What is to be added to the linear part's shift, by the place in the PAN.
    """
    back = affine_map(~motion)
    if surface is None:
        return back

    def apply(cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        down, right = surface.at(rows, cols)
        from_cols, from_rows = back(cols, rows)
        return from_cols - right, from_rows - down

    return apply


def moved(motion: Affine, surface: Surface | None) -> PointMap:
    """Returns the inverse of `unmoved`."""
    forth = affine_map(motion)
    if surface is None:
        return forth

    def apply(cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        to_cols, to_rows = forth(cols, rows)
        for _ in range(ROUNDS):
            down, right = surface.at(to_rows, to_cols)
            to_cols, to_rows = forth(cols + right, rows + down)
        return to_cols, to_rows

    return apply
