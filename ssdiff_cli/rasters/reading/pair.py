"""A PAN and an MS file as one `Source`: aligned windows, filled holes, validity."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from ssdiff_cli.rasters.geometry.grid_map import SeparableMap
from ssdiff_cli.rasters.geometry.ms_shift import MsShift
from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.model_ms import ModelMsReader
from ssdiff_cli.rasters.reading.pair_files import open_files
from ssdiff_cli.rasters.reading.pair_geometry import PairGeometry
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.reading.statistics import Fill, find_fills, sample_statistics
from ssdiff_models.registration.scene_shift import SceneShift
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

if TYPE_CHECKING:
    from ssdiff_cli.rasters.geometry.pixel_region import PixelRegion
    from ssdiff_models.scene.mtf_estimate import MtfEstimate

__all__ = ["ScenePair", "open_pair"]


@dataclass(frozen=True, kw_only=True)
class ScenePair(PairGeometry):
    """An open pair; implements `ssdiff_models.scene.Source`."""

    imposed_statistics: SceneStatistics | None = None
    """Replaces the scene's own statistics."""
    mtf: "MtfEstimate | None" = None
    """The MTF of the MS as the scene's pixels tell it; None where a sensor's counts, or none."""

    @property
    def pan(self) -> Bands:
        """The PAN band."""
        return self.files.pan

    @property
    def ms(self) -> Bands:
        """The selected MS bands."""
        return self.files.ms

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return self.pan.rows

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return self.pan.cols

    @property
    def bands(self) -> int:
        """Number of selected MS bands."""
        return len(self.ms.indexes)

    @property
    def crs(self) -> CRS | None:
        """The PAN's CRS."""
        return self.files.pan_georeference.crs

    @property
    def transform(self) -> Affine:
        """The PAN's geotransform (identity where it has GCPs or RPCs instead)."""
        return self.files.pan_georeference.affine

    @property
    def region(self) -> "PixelRegion | None":
        """The polygons of the area of interest, in PAN pixels."""
        return self.files.region

    @property
    def may_be_invalid(self) -> bool:
        """Whether any pixel of `area` could be invalid."""
        covered = self.area.intersection(self.overlap) == self.area
        return (
            not covered
            or not isinstance(self.mapping, SeparableMap)
            or self.region is not None
            or self.pan.may_have_holes
            or self.ms.may_have_holes
        )

    def moved(self, shift: SceneShift) -> Self:
        """Returns the same scene with the MS moved by a shift against its georeferencing."""
        scene = type(self).of(self.files, MsShift.of(shift))
        return replace(scene, imposed_statistics=self.imposed_statistics)

    def without_region(self) -> Self:
        """Returns the scene without polygons, with the same statistics."""
        files = replace(self.files, region=None)
        return replace(self, files=files, imposed_statistics=self.statistics())

    def with_order(self, order: Sequence[int]) -> Self:
        """Returns the scene with its MS bands in another order."""
        files = replace(self.files, ms=self.ms.picked(order))
        statistics = self.statistics()
        statistics = replace(statistics, ms=tuple(statistics.ms[band] for band in order))
        return replace(self, files=files, imposed_statistics=statistics)

    def with_statistics(self, statistics: SceneStatistics) -> Self:
        """Returns the scene with other statistics than its own."""
        return replace(self, imposed_statistics=statistics)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of PAN and MS where they overlap.

        Raises:
            InputError: When one of them has no valid pixel there.
        """
        return self.imposed_statistics or self._own_statistics

    @cached_property
    def _own_statistics(self) -> SceneStatistics:
        pan = sample_statistics(self.pan, self.overlap)
        ms = sample_statistics(self.ms, self.ms_overlap)
        return SceneStatistics.of(pan=pan[0], ms=ms)

    def fills(self) -> tuple[tuple[Fill, ...], tuple[Fill, ...]]:
        """Returns the values of PAN and of MS that look like fills that no tag declares."""
        return find_fills(self.pan, self.overlap), find_fills(self.ms, self.ms_overlap)

    def read(self, window: Window) -> Patch:
        """Reads one window of PAN pixels; it may overhang the scene.

        Raises:
            InputError: When a file is truncated or corrupt.
        """
        pan = self.pan.read_filled(window, self._pan_means)
        ms = ModelMsReader(geometry=self, means=self._ms_means).read(window)
        valid = pan.valid & ms.valid
        if self.region is not None:
            valid &= self.region.mask(window)
        return Patch(pan=pan.values[0], ms=ms.values, valid=valid, native_ms=ms.native)

    def _pan_means(self) -> FloatArray:
        return np.array([self.statistics().pan.mean], np.float32)

    def _ms_means(self) -> FloatArray:
        return np.array([band.mean for band in self.statistics().ms], np.float32)


@contextmanager
def open_pair(pan: str, ms: str, *, options: PairOptions) -> Iterator[ScenePair]:
    """Opens a PAN and an MS raster as one scene.

    Raises:
        InputError: When a file cannot be used, or the two do not fit each other or the ratio.
        UsageError: When an option cannot be used.
    """
    with open_files(pan, ms, options=options) as files:
        yield ScenePair.of(files)
