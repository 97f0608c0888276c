"""What several commands make of their options: text to values, with an error that names the option."""

import os
from typing import TYPE_CHECKING, Literal

from ssdiff_models.errors import UsageError

if TYPE_CHECKING:
    from ssdiff_cli.rasters.reading.pair_options import PairOptions
    from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = ["pair_options", "registration", "sink_options"]


def pair_options(
    *,
    bidx: str | None,
    pan_bidx: int | None,
    assume_same_crs: bool,
    src_nodata: str | None,
    rpc_dem: str | None,
    extent: Literal["intersection", "pan"] = "intersection",
    bbox: str | None = None,
    bbox_crs: str | None = None,
    aoi: str | None = None,
    like: str | None = None,
) -> "PairOptions":
    """Returns how a pair is to be understood; not every command lets a part of it be chosen.

    Raises:
        UsageError: When an option cannot be read.
    """
    from ssdiff_cli.rasters.reading.pair_options import PairOptions

    if bbox_crs is not None and bbox is None and aoi is None:
        raise UsageError(f"--bbox-crs {bbox_crs} says what --bbox or --aoi is in: give one of them")
    pan_nodata, ms_nodata = _source_nodata(src_nodata)
    return PairOptions(
        bidx=_band_list(bidx),
        pan_bidx=pan_bidx,
        extent=extent,
        bbox=_box(bbox),
        bbox_crs=bbox_crs,
        aoi=aoi,
        like=like,
        assume_same_crs=assume_same_crs,
        pan_nodata=pan_nodata,
        ms_nodata=ms_nodata,
        rpc_dem=rpc_dem,
    )


def registration(*, register: bool, local: bool) -> Literal["no", "global", "local"]:
    """Returns which shift is to be corrected; the local one includes the global one."""
    if local:
        return "local"
    return "global" if register else "no"


def _band_list(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(
            f"--bidx {text}: give band numbers from 1, separated by commas, such as 1,2,3"
        ) from None


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        left, bottom, right, top = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--bbox {text}: give four numbers, xmin,ymin,xmax,ymax") from None
    if not (left < right and bottom < top):
        raise UsageError(f"--bbox {text}: xmin must lie below xmax, and ymin below ymax")
    return left, bottom, right, top


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option} {text}: give a number or nan") from None


def sink_options(
    *,
    file_format: Literal["GTiff", "COG"],
    dtype: str | None,
    nodata: str,
    co: list[str] | None,
    overwrite: bool,
    num_threads: int | None,
    shard: str | None = None,
) -> "SinkOptions":
    """Returns how an output is to be written.

    Raises:
        UsageError: When an option cannot be read.
    """
    from ssdiff_cli.device import processor_threads
    from ssdiff_cli.launcher import read_shard
    from ssdiff_cli.rasters.writing.sink import SinkOptions

    return SinkOptions(
        format=file_format,
        dtype=dtype,
        nodata=_output_nodata(nodata),
        creation=_creation_options(co),
        overwrite=overwrite,
        shard=read_shard(shard, os.environ),
        num_threads=num_threads or processor_threads(),
    )


def _output_nodata(text: str) -> float | Literal["inherit", "none"]:
    lowered = text.lower()
    if lowered == "inherit":
        return "inherit"
    if lowered == "none":
        return "none"
    return _number(lowered, "--nodata")


def _source_nodata(text: str | None) -> tuple[float | None, float | None]:
    """One value counts for both inputs; of two, the first is the PAN's, and an empty one keeps the file's own."""
    if text is None:
        return None, None
    first, _, second = text.partition(",")
    values = [
        _number(part, "--src-nodata") if part else None
        for part in (first, second or ("" if "," in text else first))
    ]
    return values[0], values[1]


def _creation_options(options: list[str] | None) -> tuple[tuple[str, str], ...]:
    pairs = [option.partition("=") for option in options or []]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(f"--co {name}: give NAME=VALUE, such as COMPRESS=ZSTD")
    return tuple((name, value) for name, _, value in pairs)
