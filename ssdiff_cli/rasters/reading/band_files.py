"""An MS of several files, such as one a band: opened as one raster on the grid of the finest."""

import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.sax.saxutils import escape

from affine import Affine
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import band_texts, header_errors, open_raster
from ssdiff_models.errors import InputError, UsageError

__all__ = ["BandFile", "band_file", "open_bands"]

_ENTRY = re.compile(r"(?P<path>.+?)(?:,band=(?P<band>[^,]*))?(?:,name=(?P<name>[^,]+))?")
_LANDSAT = re.compile(
    r"L(?P<kind>[COTEM])0?(?P<number>\d).*_B(?P<band>\d{1,2})\.tif", re.IGNORECASE
)
_VISIBLE = ("blue", "green", "red", "nir", "swir1")
LANDSAT_BANDS = {
    "oli": dict(enumerate(("coastal", *_VISIBLE, "swir2", "pan"), start=1)),
    "tm": dict(enumerate(_VISIBLE, start=1)) | {7: "swir2", 8: "pan"},
}
"""Names of the bands by the numbers in file names: Landsat 8 and 9, and 4 to 7."""

_log = logging.getLogger(__name__)

HANDLERS = {"http": "vsicurl", "https": "vsicurl", "s3": "vsis3", "gs": "vsigs", "az": "vsiaz"}
"""GDAL's file systems by the schemes of URLs."""

NESTED = 1e-3
"""Turn, in pixels over a raster, up to which two grids are parallel."""

COARSER = 1.1
"""Width of pixels over that of the finest file's from which a band ends up softer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFile:
    """One of the files of an MS: ``FILE[,band=N][,name=NAME]``."""

    path: str
    band: int | None = None
    """1-based band; None takes all but alpha."""
    name: str | None = None
    """What the band is called; None: what the file, or the name of a Landsat file, says."""


def band_file(entry: str) -> BandFile:
    """Reads ``FILE[,band=N][,name=NAME]``.

    Raises:
        UsageError: When the band is no number from 1.
    """
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise UsageError(f"{entry!r}: give FILE or FILE,band=N")
    band = match["band"]
    if band is not None and (not band.isdecimal() or int(band) < 1):
        raise UsageError(f"{entry}: band={band} is no band number from 1")
    number = None if band is None else int(band)
    return BandFile(path=match["path"], band=number, name=match["name"])


def landsat_name(path: str) -> str | None:
    """Returns the name of the band of a Landsat file, from the file's name."""
    match = _LANDSAT.fullmatch(PurePosixPath(path).name)
    if match is None:
        return None
    kind = "oli" if int(match["number"]) >= 8 else "tm"
    return LANDSAT_BANDS[kind].get(int(match["band"]))


@contextmanager
def open_bands(entries: Sequence[str]) -> Iterator[DatasetReader]:
    """Opens one or more files as one raster.

    Bands of other grids are interpolated (cubic) to that of the file with the smallest pixels, on
    the part that all files cover.

    Raises:
        InputError: When a file cannot be used, or the files do not fit each other.
        UsageError: When an entry cannot be read.
    """
    files = [band_file(entry) for entry in entries]
    with ExitStack() as stack:
        if len(files) == 1 and files[0].band is None and files[0].name is None:
            yield stack.enter_context(open_raster(files[0].path))
            return
        with ExitStack() as headers:
            layers = [
                _Layer(dataset=headers.enter_context(open_raster(one.path)), file=one)
                for one in files
            ]
            text = _virtual(layers)
        yield stack.enter_context(open_raster(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A file of the MS, open."""

    dataset: DatasetReader
    file: BandFile

    @property
    def indexes(self) -> list[int]:
        """Its bands that are wanted."""
        count = self.dataset.count
        if self.file.band is None:
            colours = zip(self.dataset.indexes, self.dataset.colorinterp, strict=True)
            return [index for index, colour in colours if colour != ColorInterp.alpha]
        if self.file.band > count:
            raise InputError(
                f"{self.file.path}: has {count} bands, not band {self.file.band}: "
                f"choose among 1 to {count}"
            )
        return [self.file.band]

    def name(self, index: int) -> str | None:
        """Returns what a band is called."""
        own = band_texts(self.dataset, "descriptions")[index - 1]
        return self.file.name or own or landsat_name(self.file.path)

    def placed(self, grid: Affine) -> tuple[float, float, float, float]:
        """Returns where it lies on a grid: column, row, width and height in pixels.

        Raises:
            InputError: When the two grids are turned against each other.
        """
        a, b, c, d, e, f = tuple(~grid @ self.dataset.transform)[:6]
        width, height = self.dataset.width, self.dataset.height
        if abs(b) * height > NESTED or abs(d) * width > NESTED or a <= 0 or e <= 0:
            raise InputError(
                f"{self.file.path}: its grid is turned against that of the other MS files: "
                "warp it to theirs first"
            )
        return c, f, a * width, e * height


def _virtual(layers: Sequence[_Layer]) -> str:
    """Returns the text of a GDAL virtual raster of all bands."""
    with header_errors(layers[0].file.path):
        _check(layers)
        fine = min(layers, key=lambda layer: abs(layer.dataset.transform.determinant)).dataset
        places = [layer.placed(fine.transform) for layer in layers]
        left, top, width, height = _common(places, layers[0].file.path)
        _warn_of_coarse(layers, places)
        origin = fine.transform @ Affine.translation(left, top)
        bands = (
            _band(layer, index, (col - left, row - top, *size))
            for layer, (col, row, *size) in zip(layers, places, strict=True)
            for index in layer.indexes
        )
        crs = f"<SRS>{escape(fine.crs.to_wkt())}</SRS>" if fine.crs else ""
        transform = ",".join(map(repr, origin.to_gdal()))
        if fine.transform.is_identity:
            transform = ""
        size = f'rasterXSize="{width}" rasterYSize="{height}"'
        place = f"{crs}<GeoTransform>{transform}</GeoTransform>" if transform else crs
        return f"<VRTDataset {size}>{place}{''.join(bands)}</VRTDataset>"


def _check(layers: Sequence[_Layer]) -> None:
    """Refuses files of other CRSs, and what a virtual raster would lose."""
    first = layers[0]
    for layer in layers:
        path, dataset = layer.file.path, layer.dataset
        if dataset.transform.is_identity and (dataset.gcps[0] or dataset.rpcs):
            raise InputError(
                f"{path}: is placed by GCPs or RPCs, which single bands cannot be: "
                "make one file of the bands first"
            )
        if dataset.crs != first.dataset.crs:
            raise InputError(
                f"{path}: has another CRS than {first.file.path}: warp it to the same one first"
            )
        for index in layer.indexes:
            flags = set(dataset.mask_flag_enums[index - 1])
            if not flags & {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}:
                raise InputError(
                    f"{path}: has a mask of its own, which single bands cannot have: give it a "
                    "nodata value first"
                )


def _common(
    places: Sequence[tuple[float, float, float, float]], path: str
) -> tuple[int, int, int, int]:
    """Returns the whole pixels that all files cover: column, row, width and height."""
    left = max(math.ceil(round(col, 6)) for col, _, _, _ in places)
    top = max(math.ceil(round(row, 6)) for _, row, _, _ in places)
    width = min(math.floor(round(col + cols, 6)) for col, _, cols, _ in places) - left
    height = min(math.floor(round(row + rows, 6)) for _, row, _, rows in places) - top
    if width < 1 or height < 1:
        raise InputError(f"{path} and the other MS files have no common part: check their places")
    return left, top, width, height


def _warn_of_coarse(layers: Sequence[_Layer], places: Sequence[Sequence[float]]) -> None:
    for layer, (_, _, width, _) in zip(layers, places, strict=True):
        times = width / layer.dataset.width
        if times > COARSER:
            _log.warning(
                "%s: its pixels are %.3g times as wide as the finest MS file's: interpolated, and "
                "softer than the other bands at the end",
                *(layer.file.path, times),
            )


def _gdal_name(name: str) -> str:
    """Returns what GDAL calls a file: rasterio alone knows URLs."""
    scheme, mark, rest = name.partition("://")
    handler = HANDLERS.get(scheme.lower())
    if not mark or handler is None:
        return name
    return f"/{handler}/{name if handler == 'vsicurl' else rest}"


def _band(layer: _Layer, index: int, place: tuple[float, ...]) -> str:
    dataset = layer.dataset
    col, row, width, height = (round(value, 6) for value in place)
    nodata = dataset.nodatavals[index - 1]
    unit = band_texts(dataset, "units")[index - 1]
    values = {
        "Description": layer.name(index),
        "UnitType": unit,
        "NoDataValue": None if nodata is None else repr(nodata),
        "Offset": repr(dataset.offsets[index - 1]),
        "Scale": repr(dataset.scales[index - 1]),
    }
    own = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in values.items() if value)
    hole = "" if nodata is None else f"<NODATA>{nodata!r}</NODATA>"
    size = f'xSize="{dataset.width}" ySize="{dataset.height}"'
    kind = typename_fwd[dtype_rev[dataset.dtypes[index - 1]]]
    return (
        f'<VRTRasterBand dataType="{kind}">{own}<ComplexSource resampling="cubic">'
        f'<SourceFilename relativeToVRT="0">{escape(_gdal_name(dataset.name))}</SourceFilename>'
        f"<SourceBand>{index}</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" {size}/>'
        f'<DstRect xOff="{col}" yOff="{row}" xSize="{width}" ySize="{height}"/>'
        f"{hole}</ComplexSource></VRTRasterBand>"
    )
