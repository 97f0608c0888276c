"""A PAN and an MS file, open and georeferenced, before a model's grid is known."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from ssdiff_cli.rasters.gdal import header_errors, open_raster
from ssdiff_cli.rasters.geometry.area_of_interest import parse_crs, ring
from ssdiff_cli.rasters.geometry.crs_link import CrsLink, crs_link
from ssdiff_cli.rasters.geometry.elevation import check_heights
from ssdiff_cli.rasters.geometry.georeference import (
    Georeference,
    affine_georeference,
    georeference,
)
from ssdiff_cli.rasters.reading.band_files import band_file, open_bands
from ssdiff_cli.rasters.reading.bands import Bands, select_bands
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError
from ssdiff_models.scene.model_grid import ModelGrid

if TYPE_CHECKING:
    from ssdiff_cli.rasters.geometry.pixel_region import PixelRegion

__all__ = ["PairFiles", "open_files"]

PAN_SCALES, MS_SCALES = 6, 4
"""Scales of the hole filling: about the same ground distance on both grids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFiles:
    """Everything about a pair that no model and no shift changes."""

    pan: Bands
    ms: Bands
    pan_georeference: Georeference
    ms_georeference: Georeference
    crs_link: CrsLink
    """From the PAN's CRS to the MS's."""
    region: "PixelRegion | None"
    """Polygons of the area of interest, in PAN pixels."""
    options: PairOptions

    @property
    def by_rpcs(self) -> bool:
        """Whether rational polynomials georeference one of the two."""
        return "rpcs" in {self.pan_georeference.kind, self.ms_georeference.kind}

    def for_model(self, grid: ModelGrid) -> Self:
        """Returns the same files with the grid that a model asks for."""
        options = replace(self.options, ratio=grid.ratio, ms_phase=grid.phase)
        return replace(self, options=options)


@contextmanager
def open_files(pan: str, ms: str, *, options: PairOptions) -> Iterator[PairFiles]:
    """Opens a PAN and an MS of one or more files; GDAL gets their names unchanged.

    Raises:
        InputError: When a file cannot be used, or the files cannot be related to each other.
        UsageError: When an option cannot be used.
    """
    with ExitStack() as stack:
        fine = band_file(pan)
        pan_dataset = stack.enter_context(open_raster(fine.path))
        ms_dataset = stack.enter_context(open_bands((ms, *options.more_ms)))
        pan_bands = _pan_band(pan_dataset, fine.path, fine.band or options.pan_bidx, options)
        count = len(options.more_ms)
        path = f"{ms} and {count} more" if count else ms
        nodata = options.ms_nodata
        ms_bands = select_bands(ms_dataset, path, options.bidx, nodata, fill_scales=MS_SCALES)
        yield _related(pan_bands, ms_bands, options)


def _pan_band(dataset: DatasetReader, path: str, index: int | None, options: PairOptions) -> Bands:
    indexes = () if index is None else (index,)
    bands = select_bands(dataset, path, indexes, options.pan_nodata, fill_scales=PAN_SCALES)
    if len(bands.indexes) > 1:
        raise InputError(
            f"{path}: has {len(bands.indexes)} bands: choose the panchromatic one with --pan-bidx"
        )
    return bands


def _related(pan: Bands, ms: Bands, options: PairOptions) -> PairFiles:
    pan_place, ms_place = _georeferences(pan, ms, options)
    border = pan_place.to_world(*ring(0, 0, pan.cols, pan.rows))
    region = None
    if options.aoi:
        from ssdiff_cli.rasters.geometry.pixel_region import read_region

        region_crs = parse_crs(options.bbox_crs) if options.bbox_crs else None
        region = read_region(pan_place, options.aoi, region_crs)
    return PairFiles(
        pan=pan,
        ms=ms,
        pan_georeference=pan_place,
        ms_georeference=ms_place,
        crs_link=crs_link(pan_place.crs, ms_place.crs, ms.path, border),
        region=region,
        options=options,
    )


def _georeferences(
    pan: Bands, ms: Bands, options: PairOptions
) -> tuple[Georeference, Georeference]:
    with header_errors(pan.path):
        pan_place = georeference(pan.dataset, options.rpc_dem)
    # Both images show one terrain, so the MS takes the PAN's mean height.
    height = pan.dataset.rpcs.height_off if pan_place.kind == "rpcs" else None
    with header_errors(ms.path):
        ms_place = georeference(ms.dataset, options.rpc_dem, height)
    if options.rpc_dem:
        check_heights(pan.dataset, pan_place, options.rpc_dem)
        check_heights(ms.dataset, ms_place, options.rpc_dem)
    if pan_place.kind == ms_place.kind == "none":
        return _same_ground(pan, ms, options)
    for bands, place in ((pan, pan_place), (ms, ms_place)):
        if place.kind == "none":
            raise InputError(
                f"{bands.path}: has no geotransform, GCPs or RPCs, while the other image has: "
                "georeference it first"
            )
    return (
        _with_crs(pan, pan_place, ms_place.crs, options),
        _with_crs(ms, ms_place, pan_place.crs, options),
    )


def _same_ground(pan: Bands, ms: Bands, options: PairOptions) -> tuple[Georeference, Georeference]:
    """Relates images without any georeferencing by their sizes."""
    if not options.assume_same_crs:
        raise InputError(
            f"{pan.path}: neither PAN nor MS is georeferenced: "
            "pass --assume-same-crs if both show exactly the same ground"
        )
    scale = Affine.scale(pan.cols / ms.cols, pan.rows / ms.rows)
    return affine_georeference(Affine.identity(), None), affine_georeference(scale, None)


def _with_crs(
    bands: Bands, place: Georeference, other: CRS | None, options: PairOptions
) -> Georeference:
    """Returns a georeference that takes the other image's CRS where it has none."""
    if place.crs is None and other is not None and not options.assume_same_crs:
        raise InputError(
            f"{bands.path}: has no CRS, while the other image has: "
            "pass --assume-same-crs if it is the same one"
        )
    return replace(place, crs=place.crs or other)
