"""What an output says of itself: the MS's bands and tags, the PAN's place, and how it was made."""

from collections.abc import Mapping
from typing import Any

import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.rpc import RPC

from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.cog_band_tags import PADDING, padding_for
from ssdiff_models.scene.windows import Window

__all__ = ["place_keywords", "read_provenance", "write_metadata"]

_OWN_DOMAINS = {
    "IMAGE_STRUCTURE",
    "SUBDATASETS",
    "DERIVED_SUBDATASETS",
    "RPC",
    "GEOLOCATION",
    "COLOR_PROFILE",
    "SSDIFF",
}
"""Domains of the MS that do not hold for the output or that are written on their own."""

_NO_COLOURS = {
    ColorInterp.cyan,
    ColorInterp.magenta,
    ColorInterp.yellow,
    ColorInterp.black,
    ColorInterp.palette,
    ColorInterp.alpha,
}
"""What a fused band is not, whatever the MS says: an alpha band that is fused was asked for as a band."""


def place_keywords(pair: ScenePair) -> dict[str, Any]:
    """Returns the keywords of `rasterio.open` that place the output: the PAN's transform, or its GCPs, at the area."""
    area = pair.area
    if pair.pan_georeference.kind == "affine":
        return {
            "crs": pair.crs,
            "transform": pair.transform @ Affine.translation(area.col, area.row),
        }
    if pair.pan_georeference.kind == "gcps":
        return {
            "crs": pair.crs,
            "gcps": [_moved_gcp(point, area) for point in pair.pan.dataset.gcps[0]],
        }
    return {}


def _moved_gcp(point: GroundControlPoint, area: Window) -> GroundControlPoint:
    return GroundControlPoint(
        row=point.row - area.row,
        col=point.col - area.col,
        x=point.x,
        y=point.y,
        z=point.z,
        id=point.id,
        info=point.info,
    )


def write_metadata(
    output: DatasetWriter, pair: ScenePair, provenance: Mapping[str, str], *, cog: bool
) -> None:
    """Writes everything but pixels into a new output; one that is to become a COG keeps room for its band tags."""
    source = pair.ms.dataset
    for domain, tags in _dataset_tags(source, pair.pan.dataset).items():
        output.update_tags(ns=domain or None, **_as_items(domain, tags))
    if provenance:
        output.update_tags(ns="SSDIFF", **provenance)
    if pair.pan.dataset.rpcs is not None:
        output.rpcs = _moved_rpcs(pair.pan.dataset.rpcs, pair.area)
    _write_bands(output, source, pair.ms.indexes)
    padding = padding_for(output) if cog else ""
    if padding:
        output.update_tags(ns="SSDIFF", **{PADDING: padding})


def read_provenance(path: str) -> dict[str, str]:
    """Returns what an output says of how it was made; nothing where it says nothing, or is no raster."""
    try:
        with rasterio.open(path) as file:
            return dict(file.tags(ns="SSDIFF"))
    except rasterio.errors.RasterioError:
        return {}


def _dataset_tags(ms: DatasetReader, pan: DatasetReader) -> dict[str, dict[str, str]]:
    domains = [domain for domain in ms.tag_namespaces() if domain not in _OWN_DOMAINS]
    tags = {"": ms.tags()} | {domain: ms.tags(ns=domain) for domain in domains}
    tags[""] = {key: value for key, value in tags[""].items() if not key.startswith("STATISTICS_")}
    tags[""].pop("AREA_OR_POINT", None)
    # How a transform is to be understood belongs to the one who owns the transform.
    if "AREA_OR_POINT" in pan.tags():
        tags[""]["AREA_OR_POINT"] = pan.tags()["AREA_OR_POINT"]
    return tags


def _band_tags(source: DatasetReader, index: int, domain: str) -> dict[str, str]:
    """A band's tags without its statistics: they are the MS's, not the output's."""
    tags = source.tags(index, ns=domain or None)
    return {key: value for key, value in tags.items() if not key.startswith("STATISTICS_")}


def _as_items(domain: str, tags: dict[str, str]) -> dict[str, str]:
    """A domain of XML is one text; rasterio joins key and value with ``=``, so it is cut at its first one."""
    if not domain.startswith("xml:"):
        return tags
    key, _, value = tags[domain].partition("=")
    return {key: value}


def _moved_rpcs(rpcs: RPC, area: Window) -> RPC:
    values = rpcs.to_dict()
    values["line_off"] -= area.row
    values["samp_off"] -= area.col
    return RPC(**values)


def _write_bands(output: DatasetWriter, source: DatasetReader, indexes: tuple[int, ...]) -> None:
    colours = [source.colorinterp[i - 1] for i in indexes]
    output.colorinterp = [
        ColorInterp.undefined if colour in _NO_COLOURS else colour for colour in colours
    ]
    output.scales = tuple(source.scales[i - 1] for i in indexes)
    output.offsets = tuple(source.offsets[i - 1] for i in indexes)
    for target, index in enumerate(indexes, start=1):
        if source.descriptions[index - 1]:
            output.set_band_description(target, source.descriptions[index - 1])
        if source.units[index - 1]:
            output.set_band_unit(target, source.units[index - 1])
        for domain in ("", *source.tag_namespaces(index)):
            if domain not in _OWN_DOMAINS:
                output.update_tags(
                    target,
                    ns=domain or None,
                    **_as_items(domain, _band_tags(source, index, domain)),
                )
