"""Shift between PAN and MS over a whole scene, from the shifts of several windows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.drift import Drift, fit_constant, fit_smooth
from ssdiff_models.registration.models import ShiftSamples
from ssdiff_models.registration.surface import Surface

if TYPE_CHECKING:
    from ssdiff_models.registration.window_shift import WindowShift

__all__ = ["NoShift", "SceneShift", "agree"]

LEAST_CORRELATION = 0.6
"""Multiple correlation of PAN and MS below which a window is ignored."""
CONTRADICTION = 1.5
"""Spread in PAN pixels above which windows contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShift:
    """How far the MS must be moved to fit the PAN, in PAN pixels: a weighted mean of windows."""

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
    """The linear change of the shift over the scene, if fitted."""
    surface: Surface | None = None
    """The change that is not linear, if any."""

    @property
    def size(self) -> float:
        """The larger of rows and columns, without sign."""
        return max(abs(self.rows), abs(self.cols))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShift:
    """Why windows do not agree on a shift."""

    windows: int
    """Windows with a shift."""
    spread: float = 0.0
    """Robust standard deviation of their shifts, in PAN pixels."""
    correlation: float | None = None
    """Median over the windows of the multiple correlation of PAN and MS; None without windows."""

    @property
    def strangers(self) -> bool:
        """Whether PAN and MS have so little in common that they may show different places."""
        return self.correlation is not None and self.correlation <= LEAST_CORRELATION

    @property
    def reason(self) -> str:
        """The reason in words."""
        if not self.windows:
            return "too little that PAN and MS share"
        return f"{self.windows} windows contradict each other (spread {self.spread:.1f} PAN pixels)"


def agree(windows: "Iterable[WindowShift | None]", *, local: bool = False) -> SceneShift | NoShift:
    """Returns the shift that most windows have, or why there is none.

    With `local` the shift may change over the scene, if there are enough windows.
    """
    estimates = [window for window in windows if window is not None]
    usable = [window for window in estimates if window.shift.correlation > LEAST_CORRELATION]
    correlation = _median_correlation(estimates) if estimates else None
    if not usable:
        return NoShift(windows=0, correlation=correlation)
    samples = _samples(usable)
    fit = fit_smooth(samples) if local else fit_constant(samples)
    agreed = fit.residuals[fit.inliers]
    spread = _spread(agreed)
    agreeing = int(fit.inliers.sum())
    if spread > CONTRADICTION or agreeing < len(usable) / 2:
        spread = _spread(fit.residuals)
        return NoShift(windows=len(usable), spread=spread, correlation=correlation)
    rows, cols = fit.shift
    return SceneShift(
        rows=rows,
        cols=cols,
        spread=spread,
        correlation=_median_correlation(usable),
        windows=agreeing,
        drift=fit.drift if local else None,
        surface=fit.surface,
    )


def _median_correlation(windows: "list[WindowShift]") -> float:
    correlations = [window.shift.correlation for window in windows]
    return float(np.median(correlations))


def _spread(residuals: npt.NDArray[np.float64]) -> float:
    """Returns the robust standard deviation, the larger of rows and columns."""
    deviations = np.median(np.abs(residuals), axis=0)
    return 1.4826 * float(deviations.max())


def _samples(windows: "list[WindowShift]") -> ShiftSamples:
    shifts = [window.shift for window in windows]
    places = [(window.row, window.col) for window in windows]
    moves = [(shift.rows, shift.cols) for shift in shifts]
    errors = [shift.error for shift in shifts]
    reaches = [window.reach for window in windows]
    return ShiftSamples(
        places=np.array(places),
        shifts=np.array(moves),
        errors=np.array(errors),
        reach=float(np.median(reaches)),
    )
