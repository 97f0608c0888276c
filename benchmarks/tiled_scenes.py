"""Scenes of any size whose files stay small: every tile of the file is the same few encoded bytes, read as often as there are tiles."""

import os
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.windows import Window

from benchmarks.scenes import RATIO, pixels
from ssdiff_cli.rasters.tiff import Page, read_pages

__all__ = ["write_repeated_pair"]

BLOCK = 256
PIECE = BLOCK * RATIO
"""PAN pixels a side that are repeated: one tile of the MS."""


def write_repeated_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Writes a pair of `side` PAN pixels, a multiple of 1024, and returns its files: what reads them decodes all the pixels."""
    pan, ms = pixels(PIECE)
    paths = folder / f"pan{side}.tif", folder / f"ms{side}.tif"
    for path, piece, gsd in ((paths[0], pan[None], 0.5), (paths[1], ms, 0.5 * RATIO)):
        count, size, _ = piece.shape
        whole = side * size // PIECE
        profile = {
            "driver": "GTiff", "width": whole, "height": whole, "count": count, "dtype": "uint16", "crs": "EPSG:32631",
            "transform": Affine(gsd, 0, 500_000, 0, -gsd, 4_600_000), "tiled": True, "compress": "deflate", "zlevel": 1,
            "predictor": 2, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel", "photometric": "minisblack",
            "BIGTIFF": "YES", "SPARSE_OK": "TRUE",
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as file:
            file.write(piece, window=Window(0, 0, size, size))
        _repeat(path, size // BLOCK)
    return paths


def _repeat(path: Path, tiles: int) -> None:
    """Lets all tiles of a file point to the first `tiles` x `tiles` of them."""
    data = path.read_bytes()
    (page,) = read_pages(data)
    with path.open("r+b") as file:
        for row in range(page.tiles_down):
            for col in range(page.tiles_across):
                _copy_entry(data, file.fileno(), page, (row % tiles, col % tiles), (row, col))


def _copy_entry(data: bytes, file: int, page: Page, source: tuple[int, int], target: tuple[int, int]) -> None:
    (here,), (there,) = page.indexes(*source), page.indexes(*target)
    for tag in (page.offsets, page.counts):
        os.pwrite(file, tag.pack(tag.read(data, here)), tag.place(there))
