"""Scenes of any size whose files stay small: every tile of the file is the same few encoded bytes, read as often as there are tiles."""

import os
from pathlib import Path

import rasterio
from rasterio.windows import Window

from benchmarks.scenes import BLOCK, GSD, RATIO, pair_paths, pair_profile, pixels
from ssdiff_cli.rasters.writing.tiff_tiles import Page, read_pages

__all__ = ["write_repeated_pair"]

PIECE = BLOCK * RATIO
"""PAN pixels a side that are repeated: one tile of the MS."""


def write_repeated_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Writes a pair of `side` PAN pixels, a multiple of 1024, and returns its files: what reads them decodes all the pixels."""
    pan, ms = pixels(PIECE)
    paths = pair_paths(folder, side)
    for path, piece, gsd in ((paths[0], pan[None], GSD), (paths[1], ms, GSD * RATIO)):
        count, size, _ = piece.shape
        profile = pair_profile(side * size // PIECE, count, gsd) | {
            "BIGTIFF": "YES",
            "SPARSE_OK": "TRUE",
        }
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


def _copy_entry(
    data: bytes, file: int, page: Page, source: tuple[int, int], target: tuple[int, int]
) -> None:
    (here,), (there,) = page.indexes(*source), page.indexes(*target)
    for tag in (page.offsets, page.counts):
        os.pwrite(file, tag.pack(tag.read(data, here)), tag.place(there))
