"""Warnings of a pair that can be fused, yet hardly as the user means it."""

from collections.abc import Iterator
from math import inf

import numpy as np

from ssdiff_cli.rasters.geometry.elevation import share_without_heights
from ssdiff_cli.rasters.reading.alpha import alpha_with_data
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.metadata import same_crs, stored_crs

__all__ = ["pair_warnings"]

LEAST_RATIO = 0.9
"""Size in PAN pixels below which an MS pixel is smaller than the PAN's."""


DIVIDING = frozenset({"brovey", "bt-h", "mtf-glp-hpm", "mtf-glp-hpm-r", "mtf-glp-hpm-h"})
"""Methods that multiply bands by a ratio of intensities."""


def pair_warnings(pair: ScenePair, method: str, dtype: str | None) -> Iterator[str]:
    """Yields a sentence for each; `dtype` is the output's, None: the MS's."""
    yield from _alpha(pair)
    yield from _fills(pair)
    yield from _content(pair, method)
    yield from _crs(pair)
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


def _fills(pair: ScenePair) -> Iterator[str]:
    """Yields one sentence for each value that looks like a fill."""
    for bands, fills, option in zip(
        (pair.pan, pair.ms), pair.fills(), ("{:.9g},", ",{:.9g}"), strict=True
    ):
        for value in dict.fromkeys(fill.value for fill in fills):
            fill = next(fill for fill in fills if fill.value == value)
            what = f"{bands.path}: {fill.share:.1%} of the pixels of band {fill.band}"
            nodata = "--src-nodata " + option.format(value)
            if fill.masked:
                yield f"{what} are {value:.9g}, which no sensor measures: taken as {nodata} does"
            else:
                yield (
                    f"{what} are exactly {value:.9g}, far from all others: "
                    f"if that is a fill, {nodata} takes them for holes"
                )


def _content(pair: ScenePair, method: str) -> Iterator[str]:
    statistics = pair.statistics()
    if statistics.pan.std == 0:
        yield f"{pair.pan.path}: is {statistics.pan.mean:g} everywhere, so it has no detail to give"
    for index, band in zip(pair.ms.indexes, statistics.ms, strict=True):
        around_zero = band.mean - 2 * band.std < band.zero and band.below_zero
        if method in DIVIDING and (around_zero or band.mean <= band.zero):
            yield (
                f"{pair.ms.path}: band {index} has values on both sides of zero, or below it (mean "
                f"{band.mean:g}, standard deviation {band.std:g}), and {method} divides by them: "
                "gsa or mtf-glp-fs suit such data"
            )
            return


def _crs(pair: ScenePair) -> Iterator[str]:
    if pair.files.pan_georeference.kind not in {"affine", "gcps"}:
        return
    stored = stored_crs(pair)
    if not same_crs(pair.crs, stored):
        left = f"only {stored.to_string()}" if stored else "nothing"
        yield (
            f"{pair.pan.path}: a GeoTIFF cannot hold its CRS, and {left} is left of it in the "
            "output: assign it again with gdal_edit.py -a_srs, or warp the inputs to another CRS"
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
