"""Metadata of an output: the MS's bands and tags, the PAN's place, and how it was made."""

import warnings
from collections.abc import Mapping
from typing import Any

import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import CRSError, NotGeoreferencedWarning
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.rpc import RPC

from ssdiff_cli.rasters.gdal import GDAL_ERRORS, band_texts
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.cog_band_tags import PADDING, padding_for
from ssdiff_models.scene.windows import Window

__all__ = ["place_keywords", "read_provenance", "same_crs", "stored_crs", "write_metadata"]

NOT_COPIED_DOMAINS = {
    "IMAGE_STRUCTURE",
    "SUBDATASETS",
    "DERIVED_SUBDATASETS",
    "RPC",
    "GEOLOCATION",
    "COLOR_PROFILE",
    "SSDIFF",
}
"""Domains of the MS that do not hold for the output or that are written separately."""

NOT_COPIED_COLOURS = {"cyan", "magenta", "yellow", "black", "palette", "alpha"}
"""Colours that no fused band has; a fused alpha band was asked for as a band."""

NAMED_COLOURS = {
    "blue": ColorInterp.blue,
    "green": ColorInterp.green,
    "red": ColorInterp.red,
}


def place_keywords(pair: ScenePair) -> dict[str, Any]:
    """Returns the arguments of `rasterio.open` with the area's transform, or the PAN's GCPs."""
    area = pair.area
    kind = pair.files.pan_georeference.kind
    if kind == "affine":
        origin = Affine.translation(area.col, area.row)
        return {"crs": pair.crs, "transform": pair.transform @ origin}
    if kind == "gcps":
        points = pair.pan.dataset.gcps[0]
        return {"crs": pair.crs, "gcps": [_moved_gcp(point, area) for point in points]}
    return {}


def stored_crs(pair: ScenePair) -> CRS | None:
    """Returns the CRS that a GeoTIFF of the pair's place has when it is read again."""
    size = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile() as memory:
            try:
                memory.open(**size, **place_keywords(pair)).close()
            except (*GDAL_ERRORS, ValueError):
                return None  # so it is when the output is made, which says why
            data = bytes(memory.getbuffer())
        # A side-car is left behind, as the output has none.
        with MemoryFile(data) as memory, memory.open() as file:
            return file.crs or file.gcps[1]


def same_crs(one: CRS | None, other: CRS | None) -> bool:
    """Whether two CRSs place x and y alike, in whatever order of axes."""
    if one is None or other is None or one == other:
        return one is other or one == other
    # PROJ is needed for nothing else.
    import pyproj
    import pyproj.exceptions

    try:
        first, second = (pyproj.CRS.from_wkt(crs.to_wkt()) for crs in (one, other))
    except (CRSError, pyproj.exceptions.CRSError):
        return False
    return first.equals(second, ignore_axis_order=True)


def _moved_gcp(point: GroundControlPoint, area: Window) -> GroundControlPoint:
    values = point.asdict()
    return GroundControlPoint(**values | {"row": point.row - area.row, "col": point.col - area.col})


def _moved_rpcs(rpcs: RPC, area: Window) -> RPC:
    values = rpcs.to_dict()
    values["line_off"] -= area.row
    values["samp_off"] -= area.col
    return RPC(**values)


def write_metadata(
    output: DatasetWriter, pair: ScenePair, provenance: Mapping[str, str], *, cog: bool
) -> None:
    """Writes everything but pixels into a new output, with padding for a COG's band tags."""
    ms = pair.ms.dataset
    pan = pair.pan.dataset
    for domain, tags in _dataset_tags(ms, pan).items():
        output.update_tags(ns=domain or None, **_as_items(domain, tags))
    if provenance:
        output.update_tags(ns="SSDIFF", **provenance)
    if pan.rpcs is not None:
        output.rpcs = _moved_rpcs(pan.rpcs, pair.area)
    _write_bands(output, ms, pair.ms.indexes, pair.files.options.band_names)
    padding = padding_for(output) if cog else ""
    if padding:
        output.update_tags(ns="SSDIFF", **{PADDING: padding})


def _colour(colour: ColorInterp, name: str | None) -> ColorInterp:
    """Returns a band's colour as the source has it, or else that of its name."""
    if colour.name not in {*NOT_COPIED_COLOURS, "undefined", "gray"}:
        return colour
    named = NAMED_COLOURS.get((name or "").strip().lower())
    if named is None and colour.name not in NOT_COPIED_COLOURS:
        return colour
    return named or ColorInterp.undefined


def read_provenance(path: str) -> dict[str, str]:
    """Returns the SSDIFF tags of a file; none where it has none, or is no raster."""
    try:
        with rasterio.open(path) as file:
            return dict(file.tags(ns="SSDIFF"))
    except rasterio.errors.RasterioError:
        return {}


def _dataset_tags(ms: DatasetReader, pan: DatasetReader) -> dict[str, dict[str, str]]:
    domains = [domain for domain in ms.tag_namespaces() if domain not in NOT_COPIED_DOMAINS]
    tags = {domain: ms.tags(ns=domain) for domain in domains}
    own = _without_statistics(ms.tags())
    own.pop("AREA_OR_POINT", None)
    # It says how to read the transform, which is the PAN's.
    if "AREA_OR_POINT" in pan.tags():
        own["AREA_OR_POINT"] = pan.tags()["AREA_OR_POINT"]
    return {"": own} | tags


def _without_statistics(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns tags without the MS's statistics, which are not the output's."""
    return {key: value for key, value in tags.items() if not key.startswith("STATISTICS_")}


def _as_items(domain: str, tags: dict[str, str]) -> dict[str, str]:
    """Returns tags as rasterio takes them: it joins key and value of an XML text with ``=``."""
    if not domain.startswith("xml:"):
        return tags
    # Without "=" it gives no text, or takes the text for a key.
    key, equals, value = tags.get(domain, "").partition("=")
    return {key: value} if equals else {}


def _write_bands(
    output: DatasetWriter,
    source: DatasetReader,
    indexes: tuple[int, ...],
    given: tuple[str, ...],
) -> None:
    """Writes what is known of the bands; names that were `given` take the place of the source's."""
    texts = band_texts(source, "descriptions")
    names: tuple[str | None, ...] = given or tuple(texts[index - 1] for index in indexes)
    colours = [source.colorinterp[index - 1] for index in indexes]
    output.colorinterp = list(map(_colour, colours, names))
    output.scales = tuple(source.scales[index - 1] for index in indexes)
    output.offsets = tuple(source.offsets[index - 1] for index in indexes)
    units = band_texts(source, "units")
    for band, index in enumerate(indexes, start=1):
        if names[band - 1]:
            output.set_band_description(band, names[band - 1])
        if units[index - 1]:
            output.set_band_unit(band, units[index - 1])
        for domain in ("", *source.tag_namespaces(index)):
            if domain not in NOT_COPIED_DOMAINS:
                tags = _without_statistics(source.tags(index, ns=domain or None))
                output.update_tags(band, ns=domain or None, **_as_items(domain, tags))
