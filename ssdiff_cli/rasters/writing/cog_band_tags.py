"""Band tags of COGs: GDAL drops those of the default domain when it copies all domains.

They replace a padding tag of the same length in the file's XML, so that nothing in the COG moves.
"""

import mmap
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import rasterio
from rasterio.io import DatasetReader, DatasetWriter

__all__ = ["PADDING", "padding_for", "restore_band_tags"]

PADDING = "PADDING"
"""Name of the padding tag in the ``SSDIFF`` domain."""

_HEAD = f'<Item name="{PADDING}" domain="SSDIFF">'.encode()
_TAIL = b"</Item>"


def padding_for(dataset: DatasetReader | DatasetWriter) -> str:
    """Returns a padding as long as a dataset's band tags; empty where there are none."""
    items = _items(dataset)
    return "x" * max(1, len(items) - len(_HEAD) - len(_TAIL)) if items else ""


def _items(dataset: DatasetReader | DatasetWriter) -> bytes:
    """Returns band tags as GDAL stores them: bands from 0, values escaped once more than XML."""
    items = []
    for band in dataset.indexes:
        for key, value in sorted(dataset.tags(band).items()):
            text = escape(escape(value))
            items.append(f'<Item name={quoteattr(key)} sample="{band - 1}">{text}</Item>')
    return "".join(items).encode()


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
