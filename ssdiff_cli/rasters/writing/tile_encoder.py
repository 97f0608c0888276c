"""Runs of tiles encoded by GDAL in memory."""

import sys
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.writing.option_errors import refused_options
from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_cli.rasters.writing.rounding import Pixels
from ssdiff_cli.rasters.writing.tiff_tiles import encoded_tile, read_pages
from ssdiff_cli.rasters.writing.tile_assembler import TileRun
from ssdiff_cli.rasters.writing.tile_file import TilePlanes

__all__ = ["EncodedRun", "encode_run", "encode_with_gdal", "try_encoding"]

# Rasterio warns of files without a place, and warnings cannot be silenced in one thread alone.
SOMEWHERE = Affine(1.0, 0.0, 9.0, 0.0, -1.0, 9.0)

PLAIN_OPTIONS = {
    "COMPRESS": {"NONE"},
    "TILED": {"YES"},
    "INTERLEAVE": {"PIXEL", "BAND"},
    "PHOTOMETRIC": {"MINISBLACK"},
    "ALPHA": {"NO"},
    "BIGTIFF": {"YES", "NO", "IF_NEEDED", "IF_SAFER"},
}
"""Creation options with which a tile is its pixels; GDAL encodes with any other option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRun:
    """The bytes of tiles side by side."""

    row: int
    """Tile row in the file."""
    col: int
    """First tile column in the file."""
    tiles: tuple[TilePlanes, ...]


def try_encoding(profile: OutputProfile) -> None:
    """Encodes one tile, before any work.

    Raises:
        UsageError: When GDAL cannot, as with a compression that does not know the data type.
    """
    shape = profile.block_rows, profile.block_cols
    pixels = np.zeros((profile.bands, *shape), profile.dtype)
    with refused_options():
        encode_with_gdal(TileRun(row=0, col=0, pixels=pixels, valid=np.ones(shape, bool)), profile)


def encode_run(run: TileRun, profile: OutputProfile) -> EncodedRun:
    """Encodes tiles as GDAL would inside the output; plain tiles without GDAL."""
    return _plain(run, profile) if _is_plain(profile) else encode_with_gdal(run, profile)


def encode_with_gdal(run: TileRun, profile: OutputProfile) -> EncodedRun:
    """Encodes tiles by writing them into a file in memory."""
    rows, cols = run.valid.shape
    keywords = profile.keywords() | {"BIGTIFF": "NO", "transform": SOMEWHERE}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(width=cols, height=rows, **keywords) as file:
            file.write(run.pixels)
            if profile.masked:
                file.write_mask(run.valid.astype(np.uint8) * 255)
        data = bytes(memory.getbuffer())
    pages = read_pages(data)

    def planes(col: int) -> TilePlanes:
        return tuple(
            tuple(encoded_tile(data, page, index) for index in page.indexes(0, col))
            for page in pages
        )

    tiles = tuple(planes(col) for col in range(pages[0].tiles_across))
    return EncodedRun(row=run.row, col=run.col, tiles=tiles)


def _is_plain(profile: OutputProfile) -> bool:
    if profile.masked or profile.nbits is not None or sys.byteorder != "little":
        return False
    return "COMPRESS" in profile.creation and all(
        str(value).upper() in PLAIN_OPTIONS.get(name, ())
        for name, value in profile.creation.items()
    )


def _plain(run: TileRun, profile: OutputProfile) -> EncodedRun:
    width = profile.block_cols
    by_band = profile.creation.get("INTERLEAVE", "PIXEL").upper() == "BAND"
    tiles: list[TilePlanes] = []
    for start in range(0, run.pixels.shape[2], width):
        tile = run.pixels[:, :, start : start + width]
        planes = (
            tuple(_bytes(np.ascontiguousarray(band)) for band in tile)
            if by_band
            else (_bytes(_by_pixel(tile)),)
        )
        tiles.append((planes,))
    return EncodedRun(row=run.row, col=run.col, tiles=tuple(tiles))


def _bytes(pixels: Pixels) -> memoryview:
    """Returns the bytes of contiguous pixels, not copied."""
    return pixels.reshape(-1).view(np.uint8).data


def _by_pixel(tile: Pixels) -> Pixels:
    """Returns ``(rows, cols, bands)``."""
    pixels = np.empty((*tile.shape[1:], len(tile)), tile.dtype)
    for number, band in enumerate(tile):
        pixels[..., number] = band
    return pixels
