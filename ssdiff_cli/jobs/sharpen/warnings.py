"""Warnings of a pair that can be fused, yet hardly as the user means it."""

from collections.abc import Iterator
from math import inf

import numpy as np

from ssdiff_cli.rasters.geometry.elevation import share_without_heights
from ssdiff_cli.rasters.reading.alpha import alpha_with_data
from ssdiff_cli.rasters.reading.pair import ScenePair

__all__ = ["pair_warnings"]

LEAST_RATIO = 0.9
"""Size in PAN pixels below which an MS pixel is smaller than the PAN's."""


def pair_warnings(pair: ScenePair, dtype: str | None) -> Iterator[str]:
    """Yields a sentence for each; `dtype` is the output's, None: the MS's."""
    yield from _alpha(pair)
    height, width = pair.measured_ratio
    if min(height, width) < LEAST_RATIO:
        yield (
            f"{pair.ms.path}: its pixels are smaller than the PAN's ({height:.3g} x {width:.3g} "
            "PAN pixels): nothing is sharpened; are PAN and MS swapped?"
        )
    yield from _heights(pair)
    greatest = max(band.maximum for band in pair.statistics().ms)
    limit = _greatest(dtype)
    if greatest > limit:
        yield (
            f"{pair.ms.path}: has values up to {greatest:g}, {dtype} ends at {limit}: "
            "what is brighter is clipped; choose another --dtype"
        )


def _alpha(pair: ScenePair) -> Iterator[str]:
    for bands, option in ((pair.pan, "--pan-bidx"), (pair.ms, "--bidx")):
        numbers = ",".join(map(str, range(1, bands.dataset.count + 1)))
        for index in alpha_with_data(bands):
            yield (
                f"{bands.path}: band {index} is marked as alpha and was used as a mask, yet looks "
                f"like data: if it is a spectral band, name all bands with {option} {numbers}"
            )


def _heights(pair: ScenePair) -> Iterator[str]:
    dem = pair.files.options.rpc_dem
    if not dem:
        return
    if not pair.files.by_rpcs:
        yield f"--rpc-dem {dem}: not used, since neither image is placed by RPCs"
        return
    for bands in (pair.pan, pair.ms):
        share = share_without_heights(bands.dataset, dem)
        if share > 0:
            part = f"{share:.0%}" if share >= 0.01 else "less than 1%"
            yield (
                f"--rpc-dem {dem}: has no heights for {part} of {bands.path}: "
                "the mean height of the RPCs stands in there"
            )


def _greatest(dtype: str | None) -> float:
    """Returns the greatest integer of a type; infinity for floats and for unknown types."""
    try:
        kind = np.dtype(dtype or "float32")
    except TypeError:
        return inf
    return int(np.iinfo(kind).max) if kind.kind in "iu" else inf
