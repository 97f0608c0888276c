"""Shift between PAN and MS over a whole scene: estimates of several windows, and what most of them agree on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.drift import Drift, ShiftSamples, fit_constant, fit_smooth
from ssdiff_models.registration.surface import Surface
from ssdiff_models.registration.window_shift import WindowShift

__all__ = ["NoShift", "SceneShift", "agree"]

LEAST_CORRELATION = 0.6
"""Multiple correlation of PAN and MS below which a window tells nothing."""
CONTRADICTION = 1.5
"""PAN pixels of spread beyond which windows contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShift:
    """How far the MS must be moved to fit the PAN, in PAN pixels: the mean of the windows that agree, weighted by their errors."""

    rows: float
    """Down."""
    cols: float
    """Right."""
    spread: float
    """Robust standard deviation of the windows' estimates, the larger of rows and columns."""
    correlation: float
    """Median over the windows of the multiple correlation of PAN and MS bands."""
    windows: int
    """Windows that agree."""
    drift: Drift | None = None
    """How the shift changes over the scene, where that was asked for and the windows tell it."""
    surface: Surface | None = None
    """What a shift that is linear over the scene leaves, where that is worth following."""

    @property
    def size(self) -> float:
        """The larger of rows and columns, without sign."""
        return max(abs(self.rows), abs(self.cols))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShift:
    """Why windows do not tell a shift."""

    windows: int
    """Windows that told one of their own."""
    spread: float = 0.0
    """Robust standard deviation of what they told, in PAN pixels."""
    correlation: float | None = None
    """Median over the windows of the multiple correlation of PAN and MS; None where none could be looked at."""

    @property
    def strangers(self) -> bool:
        """Whether PAN and MS have so little in common that they may show different places."""
        return self.correlation is not None and self.correlation <= LEAST_CORRELATION

    @property
    def reason(self) -> str:
        """What to say of it."""
        if not self.windows:
            return "too little that PAN and MS share"
        return f"{self.windows} windows contradict each other (spread {self.spread:.1f} PAN pixels)"


def agree(found: Iterable[WindowShift | None], *, local: bool = False) -> SceneShift | NoShift:
    """Returns what most windows say, or why there is no such thing.

    Args:
        found: The windows' estimates.
        local: Whether the shift may change over the scene, as far as there are windows enough to tell how.
    """
    looked = [window for window in found if window is not None]
    correlation = (
        float(np.median([window.shift.correlation for window in looked])) if looked else None
    )
    windows = [window for window in looked if window.shift.correlation > LEAST_CORRELATION]
    if not windows:
        return NoShift(windows=0, correlation=correlation)
    seen = _sightings(windows)
    fit = fit_smooth(seen) if local else fit_constant(seen)
    spread = _spread(fit.left[fit.kept])
    if spread > CONTRADICTION or fit.kept.sum() < len(windows) / 2:
        return NoShift(windows=len(windows), spread=_spread(fit.left), correlation=correlation)
    return SceneShift(
        rows=fit.shift[0],
        cols=fit.shift[1],
        spread=spread,
        correlation=float(np.median([window.shift.correlation for window in windows])),
        windows=int(fit.kept.sum()),
        drift=fit.drift if local else None,
        surface=fit.surface,
    )


def _spread(left: npt.NDArray[np.float64]) -> float:
    """Robust standard deviation, the larger of rows and columns."""
    return 1.4826 * float(np.median(np.abs(left), axis=0).max())


def _sightings(windows: list[WindowShift]) -> ShiftSamples:
    return ShiftSamples(
        places=np.array([(window.row, window.col) for window in windows]),
        shifts=np.array([(window.shift.rows, window.shift.cols) for window in windows]),
        errors=np.array([window.shift.error for window in windows]),
        reach=float(np.median([window.reach for window in windows])),
    )
