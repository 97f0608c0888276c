"""What is allowed but hardly meant: alpha that holds data, a PAN coarser than the MS, too narrow outputs, needless or missing heights."""

from collections.abc import Iterator
from math import inf

import numpy as np

from ssdiff_cli.rasters.geometry.elevation import without_heights
from ssdiff_cli.rasters.reading.bands import alpha_with_data
from ssdiff_cli.rasters.reading.pair import ScenePair

__all__ = ["pair_warnings"]

FINER = 0.9
"""Size in PAN pixels below which an MS pixel is smaller than the PAN's."""


def pair_warnings(pair: ScenePair, dtype: str | None) -> Iterator[str]:
    """Yields a sentence for each thing that a user should think over; `dtype` is the output's, None: the MS's."""
    for bands, option in ((pair.pan, "--pan-bidx"), (pair.ms, "--bidx")):
        every = ",".join(map(str, range(1, bands.dataset.count + 1)))
        for index in alpha_with_data(bands):
            yield (
                f"{bands.path}: band {index} is marked as alpha and was used as a mask, yet looks like data: "
                f"if it is a spectral band, name all bands with {option} {every}"
            )
    if min(pair.measured_ratio) < FINER:
        height, width = pair.measured_ratio
        yield (
            f"{pair.ms.path}: its pixels are smaller than the PAN's ({height:.3g} x {width:.3g} PAN pixels): nothing is sharpened; "
            "are PAN and MS swapped?"
        )
    if pair.options.rpc_dem and not pair.by_rpcs:
        yield f"--rpc-dem {pair.options.rpc_dem}: not used, since neither image is placed by RPCs"
    elif pair.options.rpc_dem:
        yield from _heights(pair, pair.options.rpc_dem)
    greatest, end = max(band.maximum for band in pair.statistics().ms), _end(dtype)
    if greatest > end:
        yield f"{pair.ms.path}: has values up to {greatest:g}, {dtype} ends at {end}: what is brighter is clipped; choose another --dtype"


def _heights(pair: ScenePair, rpc_dem: str) -> Iterator[str]:
    for bands in (pair.pan, pair.ms):
        share = without_heights(bands.dataset, rpc_dem)
        if share > 0:
            part = f"{share:.0%}" if share >= 0.01 else "less than 1%"
            yield f"--rpc-dem {rpc_dem}: has no heights for {part} of {bands.path}: the mean height of the RPCs stands in there"


def _end(dtype: str | None) -> float:
    """Returns the greatest integer of a type; infinity where it is of another kind, or none, which will be refused later."""
    try:
        kind = np.dtype(dtype or "float32")
    except TypeError:
        return inf
    return int(np.iinfo(kind).max) if kind.kind in "iu" else inf
