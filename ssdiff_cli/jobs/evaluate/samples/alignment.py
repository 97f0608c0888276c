"""Where the MS pixels of a pair lie on its PAN grid, for the figures at MS scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ssdiff_cli.jobs.evaluate.plan import Note
from ssdiff_cli.jobs.evaluate.samples.pair import PairSamples, ms_pixels
from ssdiff_models.metrics import Alignment, Piece, Place, whole_pixels

__all__ = ["Located", "locate"]

ALIGNED = 0.01
"""PAN pixels by which aligned corners may miss each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the first MS pixel lies, band by band, and what the pair says about D_rho."""

    places: tuple[Place, ...]
    natural_d_rho: float
    note: Note


def locate(scene: PairSamples, gains: Sequence[float]) -> Located:
    """Finds the MS on the PAN grid, by MTF `gains` of the bands.

    Where the corners of both grids coincide, the definition's own search in whole pixels decides;
    else the transforms do, which know fractions of a pixel.

    Raises:
        InputError: When the pair cannot be read.
    """
    pair = scene.pair
    ratio = pair.ratio
    search: Alignment | None = None
    place = (0.0, 0.0)
    for region in islice(scene.regions(), scene.asked):
        patch = scene.patch(region.read)
        pixels, place = ms_pixels(patch, pair)
        inner = region.scored.within(region.read)
        piece = Piece.whole(pan=patch.pan, ms=pixels, valid=patch.valid, inner=inner)
        if search is None:
            candidates = whole_pixels(ratio) if _is_aligned(place, ratio) else (place,)
            search = Alignment(gains, ratio=ratio, candidates=candidates, pitch=pair.pitch)
        for part in piece.strips(ratio):
            search.add(part)
    assert search is not None
    places = search.places()
    return Located(places=places, natural_d_rho=search.natural(), note=_note(place, ratio, places))


def _is_aligned(place: Place, ratio: int) -> bool:
    middle = (ratio - 1) / 2
    return max(abs(at - middle) for at in place) < ALIGNED


def _note(place: Place, ratio: int, places: Sequence[Place]) -> Note:
    if not _is_aligned(place, ratio):
        row, col = place
        where = f"where the transforms say: row {row:.2f}, column {col:.2f}"
    else:
        pixels = ", ".join(f"{row:g} {col:g}" for row, col in places)
        where = f"at the whole pixel of each band that fits the PAN best (row, column: {pixels})"
    return Note(text=f"R-SAM, R-ERGAS, R-Q2n and D_lambda,align sample the fused image {where}")
