"""An output without pixels: all directories and metadata, as GDAL writes them."""

from collections.abc import Mapping

import numpy as np
import rasterio
import rasterio.windows
from rasterio.io import MemoryFile

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.metadata import place_keywords, write_metadata
from ssdiff_cli.rasters.writing.option_errors import refused_options
from ssdiff_cli.rasters.writing.profile import OutputProfile

__all__ = ["make_template"]


def make_template(pair: ScenePair, profile: OutputProfile, provenance: Mapping[str, str]) -> bytes:
    """Returns the bytes of the output without pixels.

    Raises:
        UsageError: When GDAL cannot make such a file, or does not know an option.
    """
    keywords = profile.keywords() | place_keywords(pair) | {"SPARSE_OK": "YES"}
    area = profile.area
    with refused_options(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(width=area.cols, height=area.rows, **keywords) as output:
            write_metadata(output, pair, provenance, cog=profile.cog)
            if profile.deviations:
                output.offsets = (0.0,) * profile.bands
            if profile.masked:
                # Zeros leave the mask sparse, but create its directory.
                pixel = rasterio.windows.Window(0, 0, 1, 1)
                output.write_mask(np.zeros((1, 1), np.uint8), window=pixel)
        return bytes(memory.getbuffer())
