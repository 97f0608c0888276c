"""Text of options as values; a `UsageError` names the option and what it takes."""

import os
from typing import Literal

from ssdiff_cli.device import processor_threads
from ssdiff_models.errors import UsageError

__all__ = [
    "band_list",
    "bounding_box",
    "creation_options",
    "name_list",
    "output_nodata",
    "source_nodata",
]

MOST_BANDS = 2048
"""Bands of an output; spectrometers have some hundreds."""


def band_list(text: str | None) -> tuple[int, ...]:
    """Returns the band numbers of ``--bidx``, from 1; none for all bands."""
    try:
        bands = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        advice = "give band numbers from 1, separated by commas, such as 1,2,3"
        raise UsageError(f"--bidx {text}: {advice}") from None
    if len(bands) > MOST_BANDS:
        raise UsageError(f"--bidx: {len(bands)} bands, more than {MOST_BANDS}: choose fewer")
    return bands


def name_list(text: str | None) -> tuple[str, ...]:
    """Returns the names of ``--band-names`` in lower case; none for the file's."""
    if text is None:
        return ()
    names = tuple(part.strip().lower() for part in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        advice = "give each band a name of its own, such as red,green,blue,nir"
        raise UsageError(f"--band-names {text}: {advice}")
    return names


def bounding_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Returns xmin, ymin, xmax and ymax of ``--bbox``."""
    if text is None:
        return None
    try:
        left, bottom, right, top = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--bbox {text}: give four numbers, xmin,ymin,xmax,ymax") from None
    # Longitudes across the antimeridian, perhaps: the pair's CRS tells.
    across = right >= -180 and left <= 180 <= left - right
    if not ((left < right or across) and bottom < top):
        raise UsageError(f"--bbox {text}: xmin must lie below xmax, and ymin below ymax")
    return left, bottom, right, top


def source_nodata(text: str | None) -> tuple[float | None, float | None]:
    """Returns the nodata of PAN and MS of ``--src-nodata``; None is the file's own.

    One value counts for both inputs; of two, either may be empty.
    """
    pan, comma, ms = (text or "").partition(",")
    values = [_number(part, "--src-nodata") if part else None for part in (pan, ms)]
    return values[0], values[1] if comma else values[0]


def output_nodata(text: str) -> float | Literal["inherit", "none"]:
    """Returns the value of ``--nodata``."""
    match text.lower():
        case "inherit" | "none" as word:
            return word
        case number:
            return _number(number, "--nodata")


def creation_options(options: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Returns names and values of ``--co``."""
    pairs: list[tuple[str, str]] = []
    for option in options or []:
        name, equals, value = option.partition("=")
        if not name or not equals:
            raise UsageError(f"--co {name}: give NAME=VALUE, such as COMPRESS=ZSTD")
        pairs.append((name, value))
    return tuple(pairs)


def thread_count(text: str | int) -> int:
    """Returns the number of ``--num-threads``, which may be ``ALL_CPUS`` as in GDAL."""
    if str(text).upper() == "ALL_CPUS":
        return processor_threads()
    if not str(text).isdecimal() or int(text) < 1:
        raise UsageError(f"{text}: give a number from 1, or ALL_CPUS")
    return int(text)


def gdal_settings(settings: list[str] | None) -> list[str] | None:
    """Sets GDAL's settings of ``--config`` for this process."""
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            advice = "give NAME=VALUE, such as GDAL_HTTP_TIMEOUT=30"
            raise UsageError(f"--config {setting}: {advice}")
        os.environ[name] = value
    return settings


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option} {text}: give a number or nan") from None
