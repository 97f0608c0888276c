"""The file of a quicklook: asked for before any work, drawn when the result is there."""

from dataclasses import dataclass, replace

from ssdiff_cli.jobs.evaluate.report.side_by_side import draw_quicklook
from ssdiff_cli.jobs.evaluate.request import Outputs
from ssdiff_cli.rasters.gdal import disk_errors
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.output_path import check_outputs
from ssdiff_models.errors import UsageError
from ssdiff_models.files import atomic

__all__ = ["Quicklook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quicklook:
    """A PNG of PAN, MS and result side by side."""

    path: str
    pan: str
    ms: str
    fused: str
    pair: PairOptions
    """How the pair is read."""
    overwrite: bool
    """Whether an existing file is replaced."""

    def check(self) -> None:
        """Makes sure, before any work, that the file can be made.

        Raises:
            UsageError: When it is no PNG, exists, is one of the images, has no folder, or what
                draws it is not installed.
        """
        if not self.path.lower().endswith(".png"):
            raise UsageError(f"{self.path}: a quicklook is a PNG: name it FILE.png")
        reads = (self.pan, self.ms, self.fused, *self.pair.files)
        Outputs(quicklook=self.path).check_drawing()
        check_outputs([self.path], reads, overwrite=self.overwrite)

    def draw(self) -> None:
        """Draws the picture; the whole pair is shown, whatever part of it was fused.

        Raises:
            InputError: When a raster cannot be used.
            ResourceError: When the file cannot be written.
        """
        whole = replace(self.pair, bbox=None, aoi=None, like=None)
        png = draw_quicklook(self.pan, self.ms, self.fused, whole)
        with disk_errors(self.path), atomic(self.path) as part:
            part.write_bytes(png)
