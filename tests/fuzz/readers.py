"""Every reader of a user's file, as a function of a path, with a file that it reads well."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import numpy.typing as npt
import scipy.io
import torch
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from ssdiff_cli.jobs.models import import_released
from ssdiff_cli.jobs.sharpen.batch import read_jobs
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.jobs.sharpen.statistics_file import read_statistics
from ssdiff_cli.jobs.test_sets import open_dataset
from ssdiff_cli.jobs.train.log import COLUMNS, read_log
from ssdiff_cli.jobs.train.pairs import read_index
from ssdiff_cli.jobs.train.settings_file import read_settings
from ssdiff_cli.rasters.gdal import open_raster, raster_env
from ssdiff_cli.rasters.geometry.georeference import affine_georeference, georeference
from ssdiff_cli.rasters.geometry.pixel_region import read_region
from ssdiff_cli.rasters.reading.bands import select_bands
from ssdiff_cli.rasters.whole_raster import read_whole
from ssdiff_models.checkpoint import load_checkpoint
from ssdiff_models.documents import read_text
from ssdiff_models.errors import InputError
from tests.cli.calls import save_tiny

__all__ = ["READERS", "Reader"]

PAN = affine_georeference(Affine(1, 0, 500_000, 0, -1, 4_600_000), CRS.from_epsg(32631))
JOB = SharpenJob(pan="", ms="", output="")
BAND = {"mean": 5.0, "std": 1.0, "minimum": 0.0, "maximum": 9.0, "black": 0.0}
BOX = "POLYGON((500000 4599000,501000 4599000,501000 4600000,500000 4599000))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reads a file, and bytes that it reads well."""

    name: str
    """The file's; readers look at its ending."""
    read: Callable[[Path], object]
    good: Callable[[], bytes]


def _aoi(path: Path) -> None:
    read_region(PAN, str(path), None)


def _jobs(path: Path) -> None:
    try:
        text = read_text(path)
    except ValueError as error:
        raise InputError(str(error)) from error
    read_jobs(text, path.name, JOB)


def _raster(path: Path) -> None:
    with raster_env(), open_raster(str(path)) as dataset:
        georeference(dataset)
        bands = select_bands(dataset, str(path))
        if max(bands.rows, bands.cols) <= 4096:
            bands.read(bands.extent)
            read_whole(str(path))


def _test_set(path: Path) -> None:
    with open_dataset(str(path)) as dataset:
        for name in dataset.arrays:
            dataset.read(name, 0)


def _released(path: Path) -> None:
    with TemporaryDirectory() as folder:
        import_released(path, Path(folder, "model.safetensors"))


def _images() -> dict[str, npt.NDArray[np.float64]]:
    truth = np.random.default_rng(0).uniform(1, 900, (1, 4, 16, 16))
    small = truth[:, :, ::4, ::4]
    large = np.kron(small, np.ones((4, 4)))
    return {"gt": truth, "pan": truth.mean(1, keepdims=True), "ms": small, "lms": large}


@cache
def _hdf5() -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, image in _images().items():
            file[name] = image
    return memory.getvalue()


@cache
def _matlab() -> bytes:
    memory = io.BytesIO()
    last = {name: np.moveaxis(image[0], 0, -1) for name, image in _images().items()}
    scipy.io.savemat(memory, last)
    return memory.getvalue()


@cache
def _model() -> bytes:
    with TemporaryDirectory() as folder:
        return save_tiny(Path(folder)).read_bytes()


@cache
def _state() -> bytes:
    memory = io.BytesIO()
    torch.save({"a.weight": torch.zeros(3, 2)}, memory)
    return memory.getvalue()


@cache
def _tiff() -> bytes:
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", count=2, height=20, width=20, dtype="uint16", tiled=True,
                         blockxsize=16, blockysize=16, crs="EPSG:32631", nodata=0,
                         transform=Affine(1, 0, 5, 0, -1, 5), compress="deflate") as file:  # fmt: skip
            file.write(np.random.default_rng(0).integers(0, 99, (2, 20, 20), dtype="uint16"))
            file.descriptions = ("blue", "green")
        return bytes(memory.getbuffer())


def _index() -> bytes:
    pair = {"path": "x", "split": "train", "sensor": "qb", "has_gt": False, "ratio": 4}
    return json.dumps({"pairs": [pair | {"bands": ["a"]}]}).encode()


READERS: Mapping[str, Reader] = {
    "wkt": Reader(name="a.wkt", read=_aoi, good=BOX.encode),
    "geojson": Reader(
        name="a.json",
        read=_aoi,
        good=lambda: b'{"type":"Polygon","coordinates":[[[3,41],[3.1,41],[3.1,41.1],[3,41]]]}',
    ),
    "csv list": Reader(name="l.csv", read=_jobs, good=lambda: b"pan,ms,out\na.tif,b.tif,c.tif\n"),
    "json list": Reader(
        name="l.jsonl", read=_jobs, good=lambda: b'{"pan":"a","ms":"b","out":"c","seed":1}\n'
    ),
    "statistics": Reader(
        name="s.json",
        read=lambda path: read_statistics(str(path), 2),
        good=lambda: json.dumps({"pan": BAND, "ms": [BAND, BAND]}).encode(),
    ),
    "index": Reader(name="index.json", read=lambda path: read_index(path.parent), good=_index),
    "settings": Reader(
        name="c.toml",
        read=lambda path: read_settings(path, [], network={}),
        good=lambda: b"[training]\nseed = 1\nlearning_rate = 1e-3\n",
    ),
    "log": Reader(
        name="n.csv",
        read=lambda path: read_log(path, 9),
        good=(",".join(COLUMNS) + "\n" + ",".join("1" for _ in COLUMNS) + "\n").encode,
    ),
    "hdf5": Reader(name="test_qb.h5", read=_test_set, good=_hdf5),
    "matlab": Reader(name="test_qb.mat", read=_test_set, good=_matlab),
    "hdf5 matlab": Reader(name="test_qb.mat", read=_test_set, good=_hdf5),
    "model": Reader(name="m.safetensors", read=load_checkpoint, good=_model),
    "released": Reader(name="r.pt", read=_released, good=_state),
    "tiff": Reader(name="a.tif", read=_raster, good=_tiff),
}
"""By name."""
