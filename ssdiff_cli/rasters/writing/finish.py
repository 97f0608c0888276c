"""The last step of an output: its final name, as a cloud-optimised GeoTIFF where it is to be one."""

import os
from glob import escape
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.gdal import GDAL_ERRORS
from ssdiff_cli.rasters.writing.cog_band_tags import restore_band_tags
from ssdiff_cli.rasters.writing.option_errors import refused_options
from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_models.errors import ResourceError

__all__ = ["check_cog_options", "place_output"]


def place_output(
    part: Path,
    output: str,
    *,
    file_format: str,
    creation: tuple[tuple[str, str], ...],
    num_threads: int,
) -> None:
    """Gives a finished GeoTIFF its name, or writes it as a COG under that name.

    Raises:
        ResourceError: When GDAL cannot write the COG.
    """
    if file_format == "GTiff":
        _keep(part)
        part.replace(output)
        return
    target = Path(f"{output}.cog.part")
    try:
        _write_cog(part, target, creation, num_threads)
        restore_band_tags(part, target)
        _keep(target)
        target.replace(output)
    except GDAL_ERRORS as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ResourceError(f"{output}: GDAL could not write the COG: {reason}") from error
    finally:
        # GDAL keeps overviews and masks beside the file while it writes, and puts some metadata there once more.
        for pattern in (f"{escape(target.name)}*", f"{escape(target.stem)}.IMD"):
            for rest in target.parent.glob(pattern):
                rest.unlink()
    part.unlink()


def _keep(path: Path) -> None:
    """Sees to it that the bytes are on the disk before the name is, whatever happens to the machine."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def check_cog_options(creation: tuple[tuple[str, str], ...], profile: OutputProfile) -> None:
    """Tries the options on a COG of a few pixels, before any work.

    Raises:
        UsageError: When GDAL does not take one of them.
    """
    keywords = {
        "driver": "GTiff",
        "width": 16,
        "height": 16,
        "count": profile.bands,
        "dtype": profile.dtype.name,
    }
    with refused_options(), MemoryFile() as memory, MemoryFile() as target:
        with memory.open(**keywords, **profile.creation) as tiny:
            tiny.write(np.ones((profile.bands, 16, 16), profile.dtype))
        _write_cog(Path(memory.name), Path(target.name), creation, 1)


def _write_cog(
    source: Path, target: Path, creation: tuple[tuple[str, str], ...], num_threads: int
) -> None:
    with rasterio.open(source) as dataset:
        packed = "NBITS" in dataset.tags(1, ns="IMAGE_STRUCTURE")
    # Predictors work on whole bytes.
    options = {
        "COMPRESS": "DEFLATE",
        "PREDICTOR": "NO" if packed else "YES",
        "BIGTIFF": "IF_SAFER",
        "COPY_SRC_MDD": "YES",
    }
    options |= {key.upper(): value for key, value in creation}
    with rasterio.Env(GDAL_NUM_THREADS=str(num_threads), GDAL_TIFF_INTERNAL_MASK=True):
        rasterio.shutil.copy(str(source), str(target), driver="COG", **options)
