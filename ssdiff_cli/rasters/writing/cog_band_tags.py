"""Band tags of COGs: GDAL drops those of the default domain when it copies all domains of a dataset.

They are put back into the file's XML in the place of a tag that was made long enough for them, so that nothing in the COG moves.
"""

import mmap
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import rasterio
from rasterio.io import DatasetReader, DatasetWriter

__all__ = ["PADDING", "padding_for", "restore_band_tags"]

PADDING = "PADDING"
"""Tag of the ``SSDIFF`` domain that keeps the place."""

_HEAD, _TAIL = f'<Item name="{PADDING}" domain="SSDIFF">'.encode(), b"</Item>"


def padding_for(dataset: DatasetReader | DatasetWriter) -> str:
    """Returns the text that makes room for a dataset's band tags; empty where there are none."""
    items = _items(dataset)
    return "x" * max(1, len(items) - len(_HEAD) - len(_TAIL)) if items else ""


def _items(dataset: DatasetReader | DatasetWriter) -> bytes:
    """Band tags as GDAL stores them: bands count from 0, and values are escaped once more than XML asks for."""
    tags = [
        (band - 1, key, value)
        for band in dataset.indexes
        for key, value in sorted(dataset.tags(band).items())
    ]
    lines = [
        f'<Item name={quoteattr(key)} sample="{sample}">{escape(escape(value))}</Item>'
        for sample, key, value in tags
    ]
    return "".join(lines).encode()


def restore_band_tags(source: Path, cog: Path) -> None:
    """Puts the band tags of `source` into `cog`, in the place of its padding."""
    with rasterio.open(source) as dataset, rasterio.open(cog) as target:
        items = _items(dataset) if _items(dataset) != _items(target) else b""
    with cog.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        start = data.find(_HEAD)
        if start < 0:
            return
        stop = data.find(_TAIL, start) + len(_TAIL)
        data[start:stop] = items.ljust(stop - start)
