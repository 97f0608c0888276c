"""A scene that is two arrays in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.resampling.borders import mirrored
from ssdiff_models.resampling.upsample import MS_HALO
from ssdiff_models.scene.sampling import band_statistics, statistics_windows
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["ArraySource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySource:
    """A PAN and an MS array on one grid as a `Source`; every pixel counts as valid."""

    pan: FloatArray
    """``(rows, cols)``, DN."""
    ms: FloatArray
    """``(bands, rows/ratio, cols/ratio)``, DN, on the MS model grid."""
    ratio: int

    def __post_init__(self) -> None:
        if self.pan.ndim != 2 or self.ms.ndim != 3:
            raise InputError(
                f"PAN must be (rows, cols) and MS (bands, rows, cols), got {self.pan.shape} and {self.ms.shape}"
            )
        if self.pan.shape != (self.ms.shape[1] * self.ratio, self.ms.shape[2] * self.ratio):
            raise InputError(
                f"a PAN of {self.pan.shape} pixels is not {self.ratio} times an MS of {self.ms.shape[1:]}"
            )
        if not (np.isfinite(self.pan).all() and np.isfinite(self.ms).all()):
            raise InputError(
                "PAN or MS has values that are not finite: fill them first, or use the command, which handles nodata"
            )

    @property
    def rows(self) -> int:
        """Height of the PAN grid in pixels."""
        return int(self.pan.shape[0])

    @property
    def cols(self) -> int:
        """Width of the PAN grid in pixels."""
        return int(self.pan.shape[1])

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return int(self.ms.shape[0])

    @property
    def area(self) -> Window:
        """All of the PAN grid."""
        return Window(row=0, col=0, rows=self.rows, cols=self.cols)

    def statistics(self) -> SceneStatistics:
        """Returns the radiometry of the sample that the command takes, too."""
        return SceneStatistics.of(pan=_sampled(self.pan[None])[0], ms=_sampled(self.ms))

    def read(self, window: Window) -> Patch:
        """Reads one window; it may overhang the scene."""
        rows, cols = np.arange(window.row, window.row_stop), np.arange(window.col, window.col_stop)
        inside = ((rows >= 0) & (rows < self.rows))[:, None] & ((cols >= 0) & (cols < self.cols))
        pan = _mirrored(self.pan[None], window)[0]
        ms = _mirrored(self.ms, window.coarser(self.ratio).expand(MS_HALO))
        return Patch(pan=pan, ms=ms, valid=inside)


def _sampled(bands: FloatArray) -> Any:  # noqa: ANN401
    whole = Window(row=0, col=0, rows=bands.shape[1], cols=bands.shape[2])
    return band_statistics(
        [
            bands[(slice(None), *window.within(whole))].reshape(len(bands), -1)
            for window in statistics_windows(whole)
        ]
    )


def _mirrored(bands: FloatArray, window: Window) -> FloatArray:
    rows = mirrored(np.arange(window.row, window.row_stop), bands.shape[1])
    cols = mirrored(np.arange(window.col, window.col_stop), bands.shape[2])
    return bands[:, rows[:, None], cols]
