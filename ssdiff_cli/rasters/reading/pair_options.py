"""How a PAN and an MS file are to be understood as a pair."""

from dataclasses import dataclass
from typing import Literal

from ssdiff_cli.rasters.reading.band_files import band_file

__all__ = ["PairOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """Options of a pair; the defaults suit georeferenced files."""

    ratio: int | None = None
    """The ratio of a model; None takes the measured one, or the whole number below it."""
    ms_phase: float | None = None
    """PAN index of the centre of model pixel 0; None is corner-aligned: ``(ratio - 1) / 2``."""
    pan_bidx: int | None = None
    """1-based PAN band; None where there is only one."""
    bidx: tuple[int, ...] = ()
    """1-based MS bands in output order; empty is all but alpha."""
    more_ms: tuple[str, ...] = ()
    """Further files of MS bands, each ``FILE[,band=N][,name=NAME]``."""
    band_names: tuple[str, ...] = ()
    """Names of these bands; empty are the file's."""
    extent: Literal["intersection", "pan"] = "intersection"
    """Output where PAN and MS overlap, or on the whole PAN."""
    bbox: tuple[float, float, float, float] | None = None
    """``xmin, ymin, xmax, ymax`` that limits the output to PAN pixels with centres inside."""
    bbox_crs: str | None = None
    """CRS of `bbox`, and of an `aoi` that names none; None is the PAN's."""
    aoi: str | None = None
    """File with polygons that limit the output; pixels outside are invalid."""
    like: str | None = None
    """Raster whose extent limits the output."""
    assume_same_crs: bool = False
    """Whether a missing CRS is the other image's, and ungeoreferenced images show one ground."""
    pan_nodata: float | None = None
    """Replaces the PAN's own nodata value."""
    ms_nodata: float | None = None
    """Replaces the MS's own nodata values."""
    rpc_dem: str | None = None
    """Elevation model for images that only have RPCs."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are read besides the pair."""
        others = (name for name in (self.aoi, self.like, self.rpc_dem) if name is not None)
        return (*(band_file(entry).path for entry in self.more_ms), *others)
