"""A simulated scene as files: PAN, MS and truth."""

from dataclasses import dataclass
from pathlib import Path

from affine import Affine

from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiffs
from ssdiff_cli.rasters.writing.output_path import claimed_outputs
from ssdiff_models.errors import UsageError
from ssdiff_models.simulation import SceneSpec, simulate_pair

__all__ = ["SceneFiles", "ms_transform", "pan_transform", "simulate_scene"]

_CRS = "EPSG:32631"
_ORIGIN = (448_000.0, 5_412_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFiles:
    """The files of a scene, all uint16."""

    pan: Path
    ms: Path
    """The sensor's bands on their own grid."""
    truth: Path
    """A perfect fusion: the sensor's bands on the PAN's grid, without noise."""


def simulate_scene(spec: SceneSpec, folder: Path, *, overwrite: bool = False) -> SceneFiles:
    """Simulates a scene and writes its three files into a folder, which is made when missing.

    Raises:
        UsageError: When the folder cannot be used, or a file exists and is not to be replaced.
        ResourceError: When a file cannot be written.
    """
    files = SceneFiles(pan=folder / "pan.tif", ms=folder / "ms.tif", truth=folder / "truth.tif")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made a folder ({error.strerror}): choose another one"
        ) from error
    with claimed_outputs((files.pan, files.ms, files.truth), overwrite=overwrite):
        _write(spec, files)
    return files


def _write(spec: SceneSpec, files: SceneFiles) -> None:
    sensor = spec.sensor
    pair = simulate_pair(spec)
    tags = {
        "SENSOR": sensor.name,
        "SSDIFF_SIMULATED": f"{sensor.title}, size {spec.size}, seed {spec.seed}",
    }
    fine = pan_transform(sensor.pan_gsd)
    coarse = ms_transform(fine, pair.first, sensor.ratio)
    pan_header = GeoTiff(transform=fine, crs=_CRS, names=("pan",), tags=tags)
    ms_header = GeoTiff(transform=coarse, crs=_CRS, names=sensor.bands, tags=tags)
    truth_header = GeoTiff(transform=fine, crs=_CRS, names=sensor.bands, tags=tags)
    scene = {
        files.pan: (pair.pan, pan_header),
        files.ms: (pair.ms, ms_header),
        files.truth: (pair.truth, truth_header),
    }
    write_geotiffs(scene)


def pan_transform(gsd: float) -> Affine:
    """Returns the geotransform of a simulated PAN with pixels of `gsd` metres."""
    return Affine(gsd, 0.0, _ORIGIN[0], 0.0, -gsd, _ORIGIN[1])


def ms_transform(pan: Affine, first: tuple[float, float], ratio: int) -> Affine:
    """Returns the geotransform of an MS.

    Args:
        pan: Geotransform of the PAN.
        first: Fractional PAN index (row, col) of the centre of MS pixel (0, 0).
        ratio: PAN pixels per MS pixel.
    """
    row, col = (index + 0.5 - ratio / 2 for index in first)
    x = pan.a * col + pan.b * row + pan.c
    y = pan.d * col + pan.e * row + pan.f
    return Affine(pan.a * ratio, pan.b * ratio, x, pan.d * ratio, pan.e * ratio, y)
