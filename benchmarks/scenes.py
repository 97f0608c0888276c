"""Rasters and models to measure with: quickly made, of any size, never whole in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window

from ssdiff_models.checkpoint import Checkpoint, save_checkpoint
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig

__all__ = [
    "BLOCK",
    "GSD",
    "RATIO",
    "fresh_model",
    "pair_paths",
    "pair_profile",
    "pixels",
    "write_model",
    "write_pair",
]

RATIO, BANDS, PIECE = 4, 4, 512
BLOCK = 256
"""Side of a tile of the files."""
GSD = 0.5
"""Metres a PAN pixel."""


def pixels(
    side: int,
) -> tuple[
    "np.ndarray[tuple[int, int], np.dtype[np.uint16]]",
    "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]",
]:
    """Returns a PAN ``(side, side)`` and its MS with waves and noise, which compress like a scene."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    pan = 600 + 200 * np.sin(x / 17) * np.cos(y / 13) + rng.normal(0, 15, (side, side))
    coarse = pan.reshape(side // RATIO, RATIO, side // RATIO, RATIO).mean((1, 3))
    ms = np.stack([coarse * (0.6 + 0.2 * band) + 40 * band for band in range(BANDS)])
    return pan.astype(np.uint16), ms.astype(np.uint16)


def pair_paths(folder: Path, side: int) -> tuple[Path, Path]:
    """Returns the names of the PAN and the MS of `side` PAN pixels."""
    return folder / f"pan{side}.tif", folder / f"ms{side}.tif"


def pair_profile(size: int, count: int, gsd: float) -> dict[str, Any]:
    """Returns what `rasterio.open` takes to write one of them, of `size` pixels of its own."""
    return {
        "driver": "GTiff", "width": size, "height": size, "count": count, "dtype": "uint16", "crs": "EPSG:32631",
        "transform": Affine(gsd, 0, 500_000, 0, -gsd, 4_600_000), "tiled": True, "compress": "deflate", "zlevel": 1,
        "predictor": 2, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel", "photometric": "minisblack",
    }  # fmt: skip


def write_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Writes a pair of `side` PAN pixels, piece by piece, and returns its files."""
    pan, ms = pixels(PIECE)
    paths = pair_paths(folder, side)
    for path, piece, gsd in ((paths[0], pan[None], GSD), (paths[1], ms, GSD * RATIO)):
        count, size, _ = piece.shape
        whole = side * size // PIECE
        with rasterio.open(path, "w", **pair_profile(whole, count, gsd)) as file:
            for row in range(0, whole, size):
                for col in range(0, whole, size):
                    rows, cols = min(size, whole - row), min(size, whole - col)
                    file.write(piece[:, :rows, :cols], window=Window(col, row, cols, rows))
    return paths


def fresh_model(
    *, dim: int = 32, window: int = 16, tile: int = 256, overlap: int = 32
) -> Checkpoint:
    """Returns an untrained model; by default of the shipped size. What it predicts costs what a trained one's does."""
    torch.manual_seed(0)
    network = (
        SSDiff(SSDiffConfig(bands=BANDS, ratio=RATIO, dim=dim, window=window))
        .eval()
        .requires_grad_(requires_grad=False)
    )
    return Checkpoint(
        network=network,
        bands=None,
        ratio=RATIO,
        tile=tile,
        overlap=overlap,
        metadata={"name": "fresh"},
    )


def write_model(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes a model and returns its file."""
    path = folder / "model.safetensors"
    save_checkpoint(path, checkpoint)
    return path
