"""Tiny training data as files: patch files of PanCollection's layout, GeoTIFF pairs, folders with an index."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from affine import Affine

from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from ssdiff_models.resampling.degrade import reduce_ms, reduce_pan
from ssdiff_models.resampling.upsample import interp23
from ssdiff_models.scene.sensors import get
from tests.models.training.pieces import landscape

__all__ = ["TINY", "index_folder", "pair", "patch_file"]

TINY = (
    *(
        "--dim",
        16,
        "--window",
        8,
        "--patch",
        8,
        "--batch",
        2,
        "--decay",
        1,
        "--set",
        "network.time_width=32",
    ),
    *("--set", "training.warmup=1", "--device", "cpu", "-j", 1),
)
"""A network and a training that take no time."""


def patch_file(
    path: Path,
    count: int = 4,
    *,
    sensor: str = "qb",
    bands: int = 4,
    scale: float = 1.0,
    seed: int = 0,
) -> Path:
    """Writes patches of 32 x 32 pixels; the MS is the reference through the sensor's MTF at phase 2, as PanCollection makes it."""
    images = [landscape(32, bands, seed=seed + number) for number in range(count)]
    gt = torch.stack([image for _, image in images]).round().double()
    gains = get(sensor).gains(bands)
    ms = torch.stack([reduce_ms(image, gains, 4, 2.0) for image in gt])
    lms = torch.stack([interp23(image, 4) for image in ms])
    arrays = {
        "gt": gt,
        "ms": ms,
        "lms": lms,
        "pan": torch.stack([pan for pan, _ in images])[:, None].round(),
    }
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array.numpy().astype(np.float64) * scale
    return path


def pair(
    folder: Path,
    *,
    side: int = 128,
    seed: int = 0,
    shift: float = 0.0,
    names: tuple[str, ...] = ("blue", "green", "red", "nir"),
) -> tuple[Path, Path]:
    """Writes a PAN of `side` pixels and its MS, whose georeferencing is off by `shift` PAN pixels along the columns."""
    folder.mkdir(parents=True)
    pan, image = landscape(side, len(names), seed=seed)
    size = (side // 4, side // 4)
    ms = torch.stack([reduce_pan(band, 4, first=(1.5, 1.5), shape=size) for band in image])
    fine = GeoTiff(
        transform=Affine(0.5, 0, 400000, 0, -0.5, 5000000), crs="EPSG:32631", names=("pan",)
    )
    coarse = GeoTiff(
        transform=Affine(2, 0, 400000 + 0.5 * shift, 0, -2, 5000000), crs="EPSG:32631", names=names
    )
    write_geotiff(folder / "pan.tif", pan.round().numpy().astype(np.uint16), fine)
    write_geotiff(folder / "ms.tif", ms.round().numpy().astype(np.uint16), coarse)
    return folder / "pan.tif", folder / "ms.tif"


def index_folder(folder: Path, **changes: Any) -> Path:
    """Writes a folder of two pairs, one to train on and one to validate with."""
    record = {
        "sensor": "QuickBird",
        "has_gt": False,
        "ratio": 4,
        "bands": ["blue", "green", "red", "nir"],
    }
    records = []
    for number, split in enumerate(("train", "val")):
        pair(folder / split, seed=10 + number)
        records.append(
            record | {"path": split, "split": split} | (changes if split == "train" else {})
        )
    (folder / "index.json").write_text(json.dumps({"pairs": records}))
    return folder
