"""The last step of an output: its final name, as a cloud-optimised GeoTIFF on request."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, reason
from ssdiff_cli.rasters.writing.cog_band_tags import restore_band_tags
from ssdiff_cli.rasters.writing.option_errors import refused_options
from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_cli.rasters.writing.side_cars import remove_side_cars
from ssdiff_models.errors import ResourceError
from ssdiff_models.files import name_together, working_folder

__all__ = ["check_cog_options", "finished_file", "name_rasters"]

Creation = tuple[tuple[str, str], ...]


@contextmanager
def finished_file(
    part: Path, output: str, file_format: str, creation: Creation, num_threads: int
) -> Iterator[Path]:
    """Yields the file that is to get the output's name: a complete GeoTIFF, or a COG made of it.

    Raises:
        ResourceError: When GDAL cannot write the COG.
    """
    if file_format == "GTiff":
        _sync(part)
        yield part
        return
    # GDAL writes overviews and masks beside a COG, and some metadata once more.
    with working_folder(Path(output)) as folder:
        cog = folder / Path(output).name
        try:
            _write_cog(part, cog, creation, num_threads)
            restore_band_tags(part, cog)
        except GDAL_ERRORS as error:
            raise ResourceError(
                f"{output}: GDAL could not write the COG: {reason(error)}"
            ) from error
        _sync(cog)
        yield cog


def name_rasters(files: Sequence[tuple[Path, Path]]) -> None:
    """Gives complete files their names, all or none; the side-cars of replaced files go.

    Raises:
        OSError: When one cannot be named.
    """
    for _, output in files:
        remove_side_cars(output)
    name_together(files)


def _sync(path: Path) -> None:
    """Puts the bytes on the disk before the name."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def check_cog_options(creation: Creation, profile: OutputProfile) -> None:
    """Tries the options on a COG of a few pixels, before any work.

    Raises:
        UsageError: When GDAL does not take one of them.
    """
    size = 16
    with refused_options(), MemoryFile() as memory, MemoryFile() as target:
        with memory.open(
            driver="GTiff",
            width=size,
            height=size,
            count=profile.bands,
            dtype=profile.dtype.name,
            **profile.creation,
        ) as tiny:
            tiny.write(np.ones((profile.bands, size, size), profile.dtype))
        _write_cog(Path(memory.name), Path(target.name), creation, 1)


def _write_cog(source: Path, target: Path, creation: Creation, num_threads: int) -> None:
    with rasterio.open(source) as dataset:
        has_nbits = "NBITS" in dataset.tags(1, ns="IMAGE_STRUCTURE")
    options = {
        "COMPRESS": "DEFLATE",
        "PREDICTOR": "NO" if has_nbits else "YES",  # predictors work on whole bytes
        "BIGTIFF": "IF_SAFER",
        "COPY_SRC_MDD": "YES",
    }
    options |= {key.upper(): value for key, value in creation}
    with rasterio.Env(GDAL_NUM_THREADS=str(num_threads), GDAL_TIFF_INTERNAL_MASK=True):
        rasterio.shutil.copy(str(source), str(target), driver="COG", **options)
