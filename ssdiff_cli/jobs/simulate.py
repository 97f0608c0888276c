"""A simulated scene as files: PAN, MS and truth."""

from dataclasses import dataclass
from pathlib import Path

from affine import Affine

from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from ssdiff_cli.rasters.writing.output_path import check_output
from ssdiff_models.errors import UsageError
from ssdiff_models.simulation import SceneSpec, simulate_pair

__all__ = ["SceneFiles", "SimulationJob", "ms_transform", "simulate_scene"]

_CRS = "EPSG:32631"
_ORIGIN = (448_000.0, 5_412_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationJob:
    """What to simulate, and where it goes."""

    folder: Path
    """Folder of the files; made when missing."""
    spec: SceneSpec
    """The scene."""
    overwrite: bool = False
    """Whether existing files are replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFiles:
    """The files of a scene."""

    pan: Path
    """PAN: one band, uint16."""
    ms: Path
    """MS: the sensor's bands, uint16, on its own grid."""
    truth: Path
    """What a perfect fusion would give: the sensor's bands on the PAN's grid, uint16, without noise."""


def simulate_scene(job: SimulationJob) -> SceneFiles:
    """Simulates a scene and writes its three files.

    Raises:
        UsageError: When the folder cannot be used, or a file exists and is not to be replaced.
        ResourceError: When a file cannot be written.
    """
    files = SceneFiles(
        pan=job.folder / "pan.tif", ms=job.folder / "ms.tif", truth=job.folder / "truth.tif"
    )
    _prepare(job, files)
    spec, sensor = job.spec, job.spec.sensor
    pair = simulate_pair(spec)
    place = pan_transform(sensor.pan_gsd)
    tags = {
        "SENSOR": sensor.name,
        "SSDIFF_SIMULATED": f"{sensor.title}, size {spec.size}, seed {spec.seed}",
    }
    write_geotiff(
        files.pan, pair.pan, GeoTiff(transform=place, crs=_CRS, names=("pan",), tags=tags)
    )
    coarse = ms_transform(place, pair.first, sensor.ratio)
    write_geotiff(
        files.ms, pair.ms, GeoTiff(transform=coarse, crs=_CRS, names=sensor.bands, tags=tags)
    )
    write_geotiff(
        files.truth, pair.truth, GeoTiff(transform=place, crs=_CRS, names=sensor.bands, tags=tags)
    )
    return files


def _prepare(job: SimulationJob, files: SceneFiles) -> None:
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{job.folder}: cannot be made a folder ({error.strerror}): choose another one"
        ) from error
    for path in (files.pan, files.ms, files.truth):
        check_output(path, overwrite=job.overwrite)


def pan_transform(gsd: float) -> Affine:
    """Returns a PAN's geotransform, with pixels of `gsd` metres, at the place of all simulated scenes."""
    return Affine(gsd, 0.0, _ORIGIN[0], 0.0, -gsd, _ORIGIN[1])


def ms_transform(pan: Affine, first: tuple[float, float], ratio: int) -> Affine:
    """Returns the geotransform of an MS whose pixel (0, 0) has its centre at the fractional PAN index `first` (row, col)."""
    row, col = (index + 0.5 - ratio / 2 for index in first)
    x, y = pan.a * col + pan.b * row + pan.c, pan.d * col + pan.e * row + pan.f
    return Affine(pan.a * ratio, pan.b * ratio, x, pan.d * ratio, pan.e * ratio, y)
