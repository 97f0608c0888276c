"""Images that must stay within the data type, yet give the MS back: what clipping cuts off goes to the neighbours."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["CLIPPINGS", "FEW_CLIPPINGS", "Limits", "View", "within"]

CLIPPINGS = 60
"""Times, at most, that what was cut off is given back, for an image as near to the MS as to the bar of consistency."""
FEW_CLIPPINGS = 12
"""Times that are enough for dark surroundings of few bright pixels.

On scenes of harsh contrast each one more brings the image nearer to the MS by ever brighter and darker pixels: HQNR of sn6-rotterdam-1,
riotiler-decimated and a cut of vitale-wv2 is 0.918, 0.826, 0.914 with none, 0.893, 0.786, 0.903 with twelve, and 0.841, 0.722, 0.885 with
sixty.
"""
SMALL_LOSS = 0.0005
"""Root mean square of what clipping may cost a band of a tile, over that of its MS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What pixels must lie between, in the image's units."""

    low: Tensor
    """Least value of each band, ``(bands, 1, 1)``."""
    high: Tensor
    """Greatest value of each band, ``(bands, 1, 1)``."""
    clippings: int = CLIPPINGS
    """How often, at most, what they cut off is given back."""

    def clip(self, image: Tensor) -> Tensor:
        """Returns ``(..., bands, rows, cols)`` with every pixel between the limits."""
        return image.clamp(self.low, self.high)


class View(Protocol):
    """How a sensor sees images."""

    def reduce(self, image: Tensor) -> Tensor:
        """Returns MS pixels as the sensor sees them."""
        ...

    def correction(self, wanted: Tensor, rounds: int) -> Tensor:
        """Returns an image that the sensor sees as the wanted MS pixels."""
        ...


def within(projected: Tensor, limits: Limits, view: View) -> Tensor:
    """Clips, and gives what was cut off back to the neighbours, as far as `SMALL_LOSS` or the best that was seen in so many rounds.

    A band of a tile from which nothing is cut off stays as it is, to the bit, whatever its neighbours in the batch. Where the MS itself
    asks for more than the limits allow, there is no consistent image.

    Args:
        projected: ``(..., bands, rows, cols)``, consistent.
        limits: In the same units.
        view: What it is consistent under.
    """
    best = limits.clip(projected)
    if torch.equal(best, projected):
        return projected
    wanted = view.reduce(projected)
    enough = SMALL_LOSS**2 * _power(wanted - limits.low)
    least = torch.full_like(enough, math.inf)
    for kept, lost in islice(_given_back(best, wanted, limits, view), limits.clippings + 1):
        loss = _power(lost)
        better = (least > enough) & (loss < least)
        best, least = torch.where(better, kept, best), torch.where(better, loss, least)
        if not (least > enough).any():
            break
    return best


def _given_back(kept: Tensor, wanted: Tensor, limits: Limits, view: View) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields images within limits, and what each lacks of the wanted MS pixels: back-projection, clipped and with momentum.

    It is FISTA (Beck and Teboulle 2009) with interpolation for the adjoint.
    """
    weight = 1.0
    lost = wanted - view.reduce(kept)
    before, lost_before = kept, lost
    while True:
        yield kept, lost
        following = (1 + math.sqrt(1 + 4 * weight**2)) / 2
        momentum, weight = (weight - 1) / following, following
        ahead, lacking = kept + momentum * (kept - before), lost + momentum * (lost - lost_before)
        before, lost_before = kept, lost
        kept = limits.clip(ahead + view.correction(lacking, 1))
        lost = wanted - view.reduce(kept)


def _power(image: Tensor) -> Tensor:
    """Returns the sum of squares of each band of each tile, in double precision: in single its last bits depend on the batch."""
    return image.double().square().sum((-2, -1), keepdim=True)
