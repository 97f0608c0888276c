"""GDAL's part of writing: an empty file with all metadata, and runs of tiles encoded in memory."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.metadata import place_keywords, write_metadata
from ssdiff_cli.rasters.writing.option_errors import refused_options
from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_cli.rasters.writing.tiff_tiles import Page, encoded_tile, read_pages
from ssdiff_cli.rasters.writing.tile_assembler import Pixels, TileRun
from ssdiff_cli.rasters.writing.tile_file import TilePlanes
from ssdiff_models.scene.dtypes import cast
from ssdiff_models.scene.source import BoolArray, FloatArray

__all__ = [
    "EncodedRun",
    "encode_run",
    "encode_with_gdal",
    "make_template",
    "round_to_dtype",
    "try_encoding",
]


def round_to_dtype(fused: FloatArray, valid: BoolArray, profile: OutputProfile) -> Pixels:
    """Converts DN to stored pixels: rounded, clipped, invalid ones at nodata, and no valid one there.

    Args:
        fused: ``(bands, rows, cols)``.
        valid: ``(rows, cols)``.
        profile: What is stored.
    """
    if profile.maximum is not None:
        fused = np.minimum(fused, np.float32(profile.maximum))
    # Whatever invalid pixels hold must not warn about not being a number.
    pixels = cast(fused if valid.all() else np.where(valid, fused, np.float32(0)), profile.dtype)
    if profile.nodata is None:
        return pixels
    nodata = profile.dtype.type(profile.nodata)
    pixels[pixels == nodata] = _neighbour(profile.nodata, profile)
    pixels[:, ~valid] = nodata
    return pixels


def _neighbour(nodata: float, profile: OutputProfile) -> float:
    """The value next to nodata, away from the end of the range."""
    if profile.dtype.kind == "f":
        return float(
            np.nextafter(profile.dtype.type(nodata), profile.dtype.type(0 if nodata else 1))
        )
    top = np.iinfo(profile.dtype).max if profile.maximum is None else profile.maximum
    return nodata - 1 if nodata == top else nodata + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRun:
    """The bytes of tiles side by side."""

    row: int
    col: int
    tiles: tuple[TilePlanes, ...]


def _keywords(profile: OutputProfile) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "count": profile.bands,
        "dtype": profile.dtype.name,
        "blockxsize": profile.block_cols,
        "blockysize": profile.block_rows,
        "nodata": profile.nodata,
        **profile.creation,
    }


def make_template(pair: ScenePair, profile: OutputProfile, provenance: Mapping[str, str]) -> bytes:
    """Returns the output without pixels.

    Raises:
        UsageError: When GDAL cannot make such a file, or does not know an option.
    """
    keywords = _keywords(profile) | place_keywords(pair) | {"SPARSE_OK": "YES"}
    area = profile.area
    with refused_options(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(width=area.cols, height=area.rows, **keywords) as output:
            write_metadata(output, pair, provenance, cog=profile.cog)
            if profile.deviations:
                output.offsets = (0.0,) * profile.bands
            if profile.masked:
                # Zeros leave the mask sparse, but create its directory.
                output.write_mask(
                    np.zeros((1, 1), np.uint8), window=rasterio.windows.Window(0, 0, 1, 1)
                )
        return bytes(memory.getbuffer())


def try_encoding(profile: OutputProfile) -> None:
    """Encodes one tile, before any work.

    Raises:
        UsageError: When GDAL cannot, as with a compression that does not know the data type.
    """
    shape = profile.block_rows, profile.block_cols
    blank = TileRun(
        row=0,
        col=0,
        pixels=np.zeros((profile.bands, *shape), profile.dtype),
        valid=np.ones(shape, bool),
    )
    with refused_options():
        encode_with_gdal(blank, profile)


_PIECE = {"BIGTIFF": "NO", "transform": Affine(1.0, 0.0, 9.0, 0.0, -1.0, 9.0)}
"""A piece lies nowhere, but rasterio warns of what has no place, and warnings cannot be silenced in one thread alone."""


def encode_run(run: TileRun, profile: OutputProfile) -> EncodedRun:
    """Encodes tiles as GDAL would inside the output; where nothing is to be encoded, their bytes are taken as they are."""
    return _plain(run, profile) if _is_plain(profile) else encode_with_gdal(run, profile)


def encode_with_gdal(run: TileRun, profile: OutputProfile) -> EncodedRun:
    """Encodes tiles by writing them into a file in memory."""
    rows, cols = run.valid.shape
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(width=cols, height=rows, **(_keywords(profile) | _PIECE)) as piece:
            piece.write(run.pixels)
            if profile.masked:
                piece.write_mask(run.valid.astype(np.uint8) * 255)
        data = bytes(memory.getbuffer())
    pages = read_pages(data)
    tiles = tuple(
        tuple(_planes(data, page, col) for page in pages) for col in range(pages[0].tiles_across)
    )
    return EncodedRun(row=run.row, col=run.col, tiles=tiles)


_PLAIN = {
    "COMPRESS": {"NONE"},
    "TILED": {"YES"},
    "INTERLEAVE": {"PIXEL", "BAND"},
    "PHOTOMETRIC": {"MINISBLACK"},
    "ALPHA": {"NO"},
    "BIGTIFF": {"YES", "NO", "IF_NEEDED", "IF_SAFER"},
}
"""Creation options with which a tile is its pixels; any other option is left to GDAL."""


def _is_plain(profile: OutputProfile) -> bool:
    plain = all(
        str(value).upper() in _PLAIN.get(name, ()) for name, value in profile.creation.items()
    )
    return (
        plain
        and "COMPRESS" in profile.creation
        and not profile.masked
        and profile.nbits is None
        and sys.byteorder == "little"
    )


def _plain(run: TileRun, profile: OutputProfile) -> EncodedRun:
    across = run.pixels.shape[2] // profile.block_cols
    pieces = (
        run.pixels[:, :, col * profile.block_cols :][:, :, : profile.block_cols]
        for col in range(across)
    )
    separate = profile.creation.get("INTERLEAVE", "PIXEL").upper() == "BAND"
    tiles = tuple(
        (tuple(band.tobytes() for band in piece) if separate else (_pixelwise(piece),),)
        for piece in pieces
    )
    return EncodedRun(row=run.row, col=run.col, tiles=tiles)


def _pixelwise(piece: Pixels) -> bytes:
    together = np.empty((*piece.shape[1:], len(piece)), piece.dtype)
    for k, band in enumerate(piece):
        together[..., k] = band
    return together.tobytes()


def _planes(data: bytes, page: Page, col: int) -> tuple[bytes, ...]:
    return tuple(encoded_tile(data, page, index) for index in page.indexes(0, col))
