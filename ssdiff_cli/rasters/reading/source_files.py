"""The local files behind a raster's name: sources of VRTs, archives, files beside it."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

__all__ = ["files_read", "local_file"]

REMOTE = re.compile(r"/vsi|(?!file|vrt|zip|tar|gzip)[a-z][a-z0-9+]*://", re.IGNORECASE)
"""How the name of a raster begins that is no local file, unless it is in a local archive."""

ARCHIVE = re.compile(r"(/vsi[a-z0-9_]+/(?:[\d_]+,)?)+", re.IGNORECASE)
"""GDAL's handlers in front of the path of a file in an archive, or of a part of a file."""


def local_file(name: str) -> Path | None:
    """Returns the local file that a name of GDAL's leads to, or the archive that it is in."""
    path = Path(ARCHIVE.sub("", name).replace("{", "").replace("}", ""))
    try:
        return next((place for place in (path, *path.parents) if place.is_file()), None)
    except (OSError, ValueError):
        # No file can have such a name.
        return None


def files_read(name: str) -> Iterator[Path]:
    """Yields the local files that are read where a raster (or any other file) is read."""
    waiting = [name]
    seen: set[str] = set()
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        path = local_file(part)
        if path is not None:
            yield path
        if path is not None or not REMOTE.match(part):
            waiting += _listed(part)


def _listed(name: str) -> list[str]:
    """Returns what GDAL says it reads; nothing where the name is no raster."""
    try:
        import rasterio

        from ssdiff_cli.rasters.gdal import GDAL_ERRORS
    except ImportError:
        # A machine without rasterio can train from a cache.
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(name) as dataset:
                return list(dataset.files)
    except (*GDAL_ERRORS, ValueError):
        return []
