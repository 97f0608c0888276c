"""GDAL's part of writing: an empty file with all metadata, and runs of tiles encoded in memory."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.blocks import TileRun
from ssdiff_cli.rasters.metadata import place_keywords, write_metadata
from ssdiff_cli.rasters.pair import ScenePair
from ssdiff_cli.rasters.profile import OutputProfile
from ssdiff_cli.rasters.tiff import Page, encoded_tile, read_pages
from ssdiff_models.errors import ResourceError

__all__ = ["EncodedRun", "encode_run", "write_template"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRun:
    """The bytes of tiles side by side."""

    row: int
    col: int
    pages: tuple[tuple[tuple[bytes, ...], ...], ...]
    """For each page (image, mask) and each tile the bytes of its planes."""


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


def write_template(path: Path, pair: ScenePair, profile: OutputProfile, provenance: Mapping[str, str]) -> None:
    """Creates the output without pixels.

    Raises:
        ResourceError: When GDAL cannot create it.
    """
    keywords = _keywords(profile) | place_keywords(pair) | {"SPARSE_OK": "YES"}
    try:
        with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", width=profile.area.cols, height=profile.area.rows, **keywords) as output:
                write_metadata(output, pair, provenance)
                if profile.masked:
                    # Zeros leave the mask sparse, but create its directory.
                    output.write_mask(np.zeros((1, 1), np.uint8), window=rasterio.windows.Window(0, 0, 1, 1))
    except RasterioError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ResourceError(f"{path}: GDAL could not create it: {reason}; check the folder and the --co options") from error


def encode_run(run: TileRun, profile: OutputProfile) -> EncodedRun:
    """Encodes tiles as GDAL would inside the output."""
    rows, cols = run.valid.shape
    keywords = _keywords(profile) | {"BIGTIFF": "NO"}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with memory.open(width=cols, height=rows, **keywords) as piece:
                piece.write(run.pixels)
                if profile.masked:
                    piece.write_mask(run.valid.astype(np.uint8) * 255)
        data = bytes(memory.getbuffer())
    pages = read_pages(data)
    return EncodedRun(row=run.row, col=run.col, pages=tuple(_tiles(data, page) for page in pages))


def _tiles(data: bytes, page: Page) -> tuple[tuple[bytes, ...], ...]:
    return tuple(tuple(encoded_tile(data, page, index) for index in page.indexes(0, col)) for col in range(page.tiles_across))
