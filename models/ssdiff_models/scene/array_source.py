"""A scene that is two arrays in memory."""

from dataclasses import dataclass

import numpy as np

from ssdiff_models.errors import InputError
from ssdiff_models.resampling.mirror import mirrored
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.sampling import band_statistics, statistics_windows
from ssdiff_models.scene.source import FloatArray, Patch
from ssdiff_models.scene.statistics import BandStatistics, SceneStatistics
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
                "PAN must be (rows, cols) and MS (bands, rows, cols), "
                f"got {self.pan.shape} and {self.ms.shape}"
            )
        _, rows, cols = self.ms.shape
        if self.pan.shape != (rows * self.ratio, cols * self.ratio):
            raise InputError(
                f"a PAN of {self.pan.shape} pixels is not {self.ratio} times an MS of "
                f"{(rows, cols)}: crop both to whole MS pixels"
            )
        if not (np.isfinite(self.pan).all() and np.isfinite(self.ms).all()):
            raise InputError(
                "PAN or MS has values that are not finite: fill them first, or use the command, "
                "which handles nodata"
            )

    @property
    def rows(self) -> int:
        return int(self.pan.shape[0])

    @property
    def cols(self) -> int:
        return int(self.pan.shape[1])

    @property
    def bands(self) -> int:
        return int(self.ms.shape[0])

    @property
    def area(self) -> Window:
        return Window(row=0, col=0, rows=self.rows, cols=self.cols)

    def statistics(self) -> SceneStatistics:
        (pan,) = _statistics(self.pan[None])
        return SceneStatistics.of(pan=pan, ms=_statistics(self.ms))

    def read(self, window: Window) -> Patch:
        inside = np.zeros(window.shape, np.bool_)
        part = window.intersection(self.area)
        if part is not None:
            inside[part.within(window)] = True
        (pan,) = _read(self.pan[None], window)
        under = window.coarser(self.ratio)
        ms = _read(self.ms, under.expand(MS_HALO))
        return Patch(pan=pan, ms=ms, valid=inside)


def _statistics(image: FloatArray) -> tuple[BandStatistics, ...]:
    bands, rows, cols = image.shape
    whole = Window(row=0, col=0, rows=rows, cols=cols)
    pieces = []
    for window in statistics_windows(whole):
        down, right = window.within(whole)
        piece = image[:, down, right]
        pieces.append(piece.reshape(bands, -1))
    return band_statistics(pieces)


def _read(image: FloatArray, window: Window) -> FloatArray:
    """Reads a window of ``(bands, rows, cols)``, mirrored at the borders."""
    _, height, width = image.shape
    rows = np.arange(window.row, window.row_stop)
    cols = np.arange(window.col, window.col_stop)
    down = mirrored(rows, height)
    across = mirrored(cols, width)
    return image[:, down[:, None], across]
