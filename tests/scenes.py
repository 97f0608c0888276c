"""Simulated scenes as files, for tests: small, seeded, with known truth.

def test_something(scene_factory: SceneFactory) -> None:
    scene = scene_factory(size=128, sensor="qb", ms_nodata=0)
    fused = work(scene.pan, scene.ms)          # paths of GeoTIFFs in a temporary folder
    assert close(fused, scene.pair.truth)      # (bands, rows, cols) of DN on the PAN grid
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssdiff_cli.jobs.simulate import ms_transform, pan_transform
from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from ssdiff_models.scene.sensors import Sensor, get
from ssdiff_models.simulation import SceneSpec, SimulatedPair, simulate_pair

Pixels = npt.NDArray[np.generic]
Mask = npt.NDArray[np.bool_]

UTM = "EPSG:32631"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A scene on disk and in memory."""

    pan: Path
    ms: Path
    truth: Path
    pair: SimulatedPair
    """The same pixels as arrays of DN, before `dtype` and holes."""
    pan_valid: Mask
    """``(rows, cols)`` on the PAN grid: False in the hole that `pan_nodata` makes."""
    ms_valid: Mask
    """``(rows, cols)`` on the MS grid: False in the hole that `ms_nodata` makes."""
    sensor: Sensor


@lru_cache(maxsize=32)
def simulated(spec: SceneSpec) -> SimulatedPair:
    """Scenes are drawn once per test session; their arrays are read-only."""
    pair = simulate_pair(spec)
    for image in (pair.pan, pair.ms, pair.truth):
        image.flags.writeable = False
    return pair


def instrument(name: str, ratio: int | None = None, bands: tuple[str, ...] | None = None) -> Sensor:
    """A sensor of the table, with another ratio or only some of its bands."""
    sensor = get(name)
    if bands is not None:
        sensor = replace(sensor, bands=bands, ms_gains=sensor.gains(len(bands), bands))
    return sensor if ratio is None else replace(sensor, ratio=ratio)


class SceneFactory:
    """Writes scenes; every call has its own folder. Get one from the fixture `scene_factory`."""

    def __init__(self, folder: Path) -> None:
        self._folders: Iterator[Path] = (folder / f"scene{number}" for number in count())

    def __call__(
        self,
        *,
        size: int = 128,
        sensor: str = "qb",
        ratio: int | None = None,
        bands: tuple[str, ...] | None = None,
        seed: int = 0,
        offset: tuple[float, float] = (0.62, -0.87),
        margin: int = 3,
        dtype: str = "uint16",
        pan_nodata: float | None = None,
        ms_nodata: float | None = None,
        crs: str | None = UTM,
    ) -> Scene:
        """Makes a scene.

        Args:
            size: PAN rows and columns; a multiple of the ratio, at least 64.
            sensor: Name in the sensor table.
            ratio: Instead of the sensor's.
            bands: Names of the MS bands, in order, instead of all of the sensor's.
            seed: Chooses the landscape.
            offset: How far the MS grid lies below and right of the PAN's corner, in PAN pixels; (0, 0) is corner-aligned.
            margin: MS pixels around the PAN; 0 with the offset (0, 0) makes the extents equal.
            dtype: Data type of the files; DN keep their values, but uint8 has them scaled to 0..255.
            pan_nodata: Makes a triangular hole with this value in the PAN's upper left corner.
            ms_nodata: Makes a triangular hole with this value in the MS's lower right corner.
            crs: None writes transforms without a CRS.
        """
        device = instrument(sensor, ratio, bands)
        pair = simulated(
            SceneSpec(sensor=device, size=size, seed=seed, offset=offset, margin=margin)
        )
        folder = next(self._folders)
        folder.mkdir(parents=True)
        pan_valid, ms_valid = (
            _corner(pair.pan.shape, pan_nodata),
            _corner(pair.ms.shape[1:], ms_nodata)[::-1, ::-1],
        )
        fine = GeoTiff(
            transform=pan_transform(device.pan_gsd), crs=crs, names=("pan",), nodata=pan_nodata
        )
        coarse = replace(
            fine,
            transform=ms_transform(fine.transform, pair.first, device.ratio),
            names=device.bands,
            nodata=ms_nodata,
        )
        write_geotiff(
            folder / "pan.tif", _stored(pair.pan, dtype, pan_valid, pan_nodata, device), fine
        )
        write_geotiff(
            folder / "ms.tif", _stored(pair.ms, dtype, ms_valid, ms_nodata, device), coarse
        )
        truth = _stored(pair.truth, dtype, np.ones_like(pan_valid), None, device)
        write_geotiff(folder / "truth.tif", truth, replace(fine, names=device.bands, nodata=None))
        return Scene(
            pan=folder / "pan.tif",
            ms=folder / "ms.tif",
            truth=folder / "truth.tif",
            pair=pair,
            pan_valid=pan_valid,
            ms_valid=ms_valid,
            sensor=device,
        )


def _corner(shape: tuple[int, ...], nodata: float | None) -> Mask:
    """False in the upper left corner where there is to be a hole: a triangle of a quarter of the side."""
    distance = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
    return np.asarray(distance >= (shape[0] // 4 if nodata is not None else 0))


def _stored(
    image: npt.NDArray[np.uint16], dtype: str, valid: Mask, nodata: float | None, sensor: Sensor
) -> Pixels:
    scale = 255 / sensor.full_scale if dtype == "uint8" else 1.0
    stored: Pixels = np.rint(image * scale).astype(dtype)
    if nodata is not None:
        # A pixel that happens to have the nodata value would be a hole of its own.
        stored[stored == np.asarray(nodata).astype(dtype)] += 1
        stored[..., ~valid] = nodata
    return stored
