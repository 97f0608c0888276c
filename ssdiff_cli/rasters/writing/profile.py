"""The form of an output file: data type, nodata, mask, tiling, creation options."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import rasterio.dtypes

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.shards import Shard
from ssdiff_models.errors import UsageError
from ssdiff_models.scene.windows import Window

__all__ = ["OutputProfile", "SinkOptions", "output_profile"]

BLOCK = 256
"""Height and width of TIFF tiles."""

WAITING_BYTES = 32 * 2**20
"""Most bytes of a row of unfinished tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """How an output is written."""

    format: Literal["GTiff", "COG"] = "GTiff"
    dtype: str | None = None
    """NumPy name; None is the MS's."""
    nodata: float | Literal["inherit", "none"] = "inherit"
    """Value of invalid pixels.

    ``inherit`` is the MS's, the PAN's, or NaN for floats and an internal mask for integers.
    """
    creation: tuple[tuple[str, str], ...] = ()
    """GDAL creation options that override the defaults."""
    overwrite: bool = False
    """Whether an existing output is replaced."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Tags of the ``SSDIFF`` domain; the same for the same run, so no dates."""
    key: Mapping[str, str] = field(default_factory=dict)
    """Settings that the pixels depend on; a run with other ones does not continue this one."""
    shard: Shard | None = None
    """The part of the output that this run makes; None makes all of it."""
    num_threads: int = 1
    """Threads that encode tiles."""
    deviations: bool = False
    """Whether values are deviations of DN, which take the bands' scale and not their offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProfile:
    """`SinkOptions` with every default decided for a pair."""

    area: Window
    """The output's place on the PAN grid."""
    bands: int
    dtype: np.dtype[Any]
    nodata: float | None
    cog: bool
    """Whether the file is rewritten as a COG at the end."""
    masked: bool
    """Whether validity goes into an internal mask."""
    nbits: int | None
    """Significant bits where they are fewer than the type's."""
    block_rows: int
    block_cols: int
    creation: Mapping[str, Any]
    """Creation options for GDAL."""
    deviations: bool = False
    """As in `SinkOptions`."""

    @property
    def tiles_down(self) -> int:
        """Number of tile rows."""
        return -(-self.area.rows // self.block_rows)

    @property
    def maximum(self) -> int | None:
        """Largest value that `nbits` can hold."""
        return 2**self.nbits - 1 if self.nbits else None

    def keywords(self) -> dict[str, Any]:
        """Returns the arguments of `rasterio.open` that do not depend on size and place."""
        return {
            "driver": "GTiff",
            "count": self.bands,
            "dtype": self.dtype.name,
            "blockxsize": self.block_cols,
            "blockysize": self.block_rows,
            "nodata": self.nodata,
            **self.creation,
        }


def output_profile(pair: ScenePair, options: SinkOptions) -> OutputProfile:
    """Decides the form of a pair's output.

    Raises:
        UsageError: When an option cannot be used.
    """
    dtype = _dtype(pair, options)
    asked = {key.upper(): value for key, value in options.creation}
    _check_creation(asked)
    nbits = _nbits(pair, dtype, asked.get("NBITS"))
    nodata = _nodata(pair, options, dtype, nbits)
    creation = asked if options.format == "GTiff" else {}
    if nbits:
        creation["NBITS"] = str(nbits)
    height = _tile_height(pair, dtype)
    return OutputProfile(
        area=pair.area,
        bands=pair.bands,
        dtype=dtype,
        nodata=nodata,
        cog=options.format == "COG",
        masked=nodata is None and pair.may_be_invalid,
        nbits=nbits,
        block_rows=_block(creation.pop("BLOCKYSIZE", None), pair.area.rows, height),
        block_cols=_block(creation.pop("BLOCKXSIZE", None), pair.area.cols, BLOCK),
        creation=_with_defaults(creation, dtype),
        deviations=options.deviations,
    )


_ON = frozenset({"YES", "TRUE", "ON", "1"})
_OFF = frozenset({"NO", "FALSE", "OFF", "0"})

_ONE_FILE = (_OFF, "the output is one file: make others from it when it is finished")
_PAN_GRID = "the output's grid is the PAN's: warp the finished output"
_NO_STATISTICS = "GDAL would drop tags: gdalinfo -stats computes them when the output is finished"
_ALLOWED: Mapping[str, tuple[frozenset[str], str]] = {
    "TILED": (_ON, "the output is always tiled, so that it can be written block by block"),
    "PROFILE": (frozenset({"GDALGEOTIFF"}), "the output would lose its CRS, nodata or tags"),
    "STATISTICS": (_OFF, _NO_STATISTICS),
    "TILING_SCHEME": (frozenset({"CUSTOM"}), _PAN_GRID),
    "TARGET_SRS": (frozenset(), _PAN_GRID),
    "TFW": _ONE_FILE,
    "RPB": _ONE_FILE,
    "RPCTXT": _ONE_FILE,
}
"""Creation options of which only some values are allowed, and why."""


def _check_creation(creation: Mapping[str, str]) -> None:
    for name, value in creation.items():
        values, why = _ALLOWED.get(name, (None, ""))
        if values is not None and value.upper() not in values:
            raise UsageError(f"--co {name}={value}: {why}")


def _dtype(pair: ScenePair, options: SinkOptions) -> np.dtype[Any]:
    if options.dtype is None:
        return pair.ms.dtype
    if options.dtype not in rasterio.dtypes.dtype_rev or options.dtype.startswith("complex"):
        raise UsageError(
            f"--dtype {options.dtype}: choose among "
            "uint8, int8, uint16, int16, uint32, int32, float32, float64"
        )
    return np.dtype(options.dtype)


def _nbits(pair: ScenePair, dtype: np.dtype[Any], asked: str | None) -> int | None:
    """Returns the significant bits asked for, or the MS's where the output has its type."""
    if asked is not None:
        if not asked.isdecimal() or int(asked) == 0:
            raise UsageError(f"--co NBITS={asked}: give a number of bits")
        return int(asked)
    if dtype != pair.ms.dtype or dtype.kind != "u":
        return None
    bits = pair.ms.dataset.tags(pair.ms.indexes[0], ns="IMAGE_STRUCTURE").get("NBITS")
    return int(bits) if bits and int(bits) < 8 * dtype.itemsize else None


def _nodata(
    pair: ScenePair, options: SinkOptions, dtype: np.dtype[Any], nbits: int | None
) -> float | None:
    if options.nodata == "none":
        return None
    if options.nodata != "inherit":
        if not _fits(options.nodata, dtype, nbits):
            raise UsageError(
                f"--nodata {options.nodata:g} does not fit into {dtype}: "
                "choose another value or --dtype, or --nodata none"
            )
        return float(options.nodata)
    for value in (*pair.ms.nodata, *pair.pan.nodata):
        if value is not None and _fits(value, dtype, nbits):
            return float(value)
    return math.nan if dtype.kind == "f" and pair.may_be_invalid else None


def _fits(value: float, dtype: np.dtype[Any], nbits: int | None) -> bool:
    if dtype.kind == "f":
        return math.isnan(value) or abs(value) <= float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    maximum = 2**nbits - 1 if nbits else info.max
    return float(value).is_integer() and info.min <= value <= maximum


def _tile_height(pair: ScenePair, dtype: np.dtype[Any]) -> int:
    """Returns the height of TIFF tiles: less where a row of them would take too much memory."""
    row_bytes = pair.area.cols * pair.bands * dtype.itemsize
    for height in (BLOCK, BLOCK // 2):
        if height * row_bytes <= WAITING_BYTES:
            return height
    return BLOCK // 4


def _block(asked: str | None, size: int, usual: int) -> int:
    """Returns the tile size: a multiple of 16, no larger than the raster needs."""
    if asked is None:
        return min(usual, -(-size // 16) * 16)
    if not asked.isdecimal() or int(asked) % 16 or int(asked) == 0:
        raise UsageError(f"--co BLOCKXSIZE or BLOCKYSIZE {asked}: choose a multiple of 16")
    return int(asked)


def _with_defaults(creation: Mapping[str, str], dtype: np.dtype[Any]) -> dict[str, str]:
    options = {
        "COMPRESS": "DEFLATE",
        "BIGTIFF": "IF_SAFER",
        "PHOTOMETRIC": "MINISBLACK",
        "ALPHA": "NO",
        **creation,
    }
    compression = options["COMPRESS"].upper()
    if compression in {"DEFLATE", "LZW", "ZSTD"} and "NBITS" not in options:
        options.setdefault("PREDICTOR", "3" if dtype.kind == "f" else "2")
    if compression == "DEFLATE":
        # Four times as fast as GDAL's level 6, for files that are 2 % larger.
        options.setdefault("ZLEVEL", "1")
    return options | {"TILED": "YES"}
