"""Projection of a fused image on those that give the MS back, seen through the sensor's MTF."""

from collections.abc import Sequence

from torch import Tensor

from ssdiff_models.consistency.clipping import Limits, SensorView, clip_consistently
from ssdiff_models.consistency.grid_view import GridView
from ssdiff_models.consistency.scattered_view import ScatteredView
from ssdiff_models.consistency.target import GridTarget, Target
from ssdiff_models.errors import UsageError

__all__ = ["ITERATIONS", "project"]

ITERATIONS = 12
"""Iterations that bring every band within 0.5 % of the MS, where no pixel is clipped."""


def project(
    fused: Tensor,
    target: Target,
    *,
    gains: Sequence[float],
    ratio: int,
    iterations: int = ITERATIONS,
    limits: Limits | None = None,
) -> Tensor:
    """Returns the fused image plus the interpolated correction after which the sensor sees the MS.

    A plain iteration is ``F <- F + EXP(MS - reduce(F))`` (Irani and Peleg's back-projection); more
    than a few are accelerated (`solver`). All corrections are interpolated MS pixels, so the
    iterations run on MS pixels. Borders are mirrored. The influence of a tile's border halves with
    each MS pixel inwards: a tenth of the correction two from the border, a percent five from it.

    Args:
        fused: ``(..., bands, rows, cols)`` on the PAN grid, DN or any affine map of them; with a
            scattered target, ``(B, bands, rows, cols)``.
        target: The MS pixels in the same units; phases from -1 to `ratio`.
        gains: MTF gain at the MS Nyquist frequency of each band.
        ratio: PAN pixels per MS pixel of a target on a grid.
        iterations: With 0 the image is returned as it is.
        limits: The range of pixel values, if any: see `clip_consistently`.

    Raises:
        UsageError: When the number of gains is not that of the bands, or a gain is outside (0, 1).
    """
    if len(gains) != fused.shape[-3]:
        raise UsageError(
            f"{fused.shape[-3]} bands, but {len(gains)} MTF gains: give one for each band"
        )
    if iterations == 0:
        return fused
    view = _view(target, gains, ratio, fused)
    for count in view.passes(iterations):
        missing = view.missing(fused)
        fused = fused + view.correction(missing, count)
    return fused if limits is None else clip_consistently(fused, limits, view)


def _view(target: Target, gains: Sequence[float], ratio: int, fused: Tensor) -> SensorView:
    if isinstance(target, GridTarget):
        return GridView.of(target, gains, ratio, like=fused)
    return ScatteredView(target, gains)
