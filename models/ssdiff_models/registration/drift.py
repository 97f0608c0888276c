"""Shifts that change over a scene: the stiffest model that predicts unseen windows about as well."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.models import (
    ShiftModel,
    ShiftSamples,
    least_squares,
    polynomial,
    supported_models,
)
from ssdiff_models.registration.surface import Surface

__all__ = ["Drift", "ShiftFit", "fit_constant", "fit_smooth"]

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

IMPROVEMENT = 1.2
"""Relative drop of the prediction error, times the root of the windows, for a softer model."""
NEIGHBOURS = 8
OUTLIER = 4.0
"""Deviation from the neighbours' median, relative to theirs, above which a window is an outlier."""
TOLERANCE = 0.1
"""Difference in PAN pixels that neighbours may always have."""
OVERLAP = 1 / 3
"""Share of common pixels above which one window must not help to predict the other."""
LEAST_ERROR = 0.002
"""Least standard error of a window in PAN pixels."""
FAR = 4.0
"""Robust standard deviations from a model beyond which a window is an outlier."""
SLACK = 0.25
"""Distance in PAN pixels from a model that is never too far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The linear change of a shift over the scene, from a point where it is zero."""

    row: float
    """PAN row of the point."""
    col: float
    rows_per_row: float = 0.0
    rows_per_col: float = 0.0
    cols_per_row: float = 0.0
    cols_per_col: float = 0.0

    def at(self, row: float, col: float) -> tuple[float, float]:
        """Returns the rows and columns to add at a PAN position."""
        down = row - self.row
        right = col - self.col
        rows = self.rows_per_row * down + self.rows_per_col * right
        cols = self.cols_per_row * down + self.cols_per_col * right
        return rows, cols


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFit:
    """A model of the shift, fitted to windows."""

    shift: tuple[float, float]
    """Rows and columns of the linear part at the drift's point."""
    drift: Drift
    surface: Surface | None
    """The part that is not linear; None where there is none."""
    inliers: Flags
    """Windows that the model is fitted to."""
    residuals: Vector
    """``(n, 2)``: the shifts of the windows minus the model."""


def fit_constant(samples: ShiftSamples) -> ShiftFit:
    """Fits one shift for the whole scene by weighted least squares without outliers."""
    inliers = np.ones(len(samples.shifts), bool)
    errors = np.maximum(samples.errors, LEAST_ERROR)
    weights = 1 / errors**2
    shifts = samples.shifts
    fit = np.median(shifts, axis=0)
    for _ in range(10):
        near = _near(shifts - fit, inliers)
        fit = np.average(shifts[near], axis=0, weights=weights[near])
        if (near == inliers).all():
            break
        inliers = near
    row, col = samples.places.mean(0).tolist()
    down, right = fit.tolist()
    return ShiftFit(
        shift=(down, right),
        drift=Drift(row=row, col=col),
        surface=None,
        inliers=inliers,
        residuals=shifts - fit,
    )


def _near(residuals: Vector, inliers: Flags) -> Flags:
    """Returns the windows near a fit, by the spread of those that it was fitted to."""
    distances = np.abs(residuals)
    spread = 1.4826 * np.median(distances[inliers], axis=0)
    near = distances <= np.maximum(FAR * spread, SLACK)
    return np.asarray(near.all(1))


def fit_smooth(samples: ShiftSamples) -> ShiftFit:
    """Fits the model that predicts best, without windows that contradict their neighbours."""
    inliers = _plausible(samples)
    centre = samples.places[inliers].mean(0)
    for _ in range(2):
        count = int(inliers.sum())
        model = _best(supported_models(samples, count, centre), samples, inliers)
        inliers = _refitted(model, samples, inliers)
    return _fit(model, samples, inliers, centre)


def _refitted(model: ShiftModel, samples: ShiftSamples, inliers: Flags) -> Flags:
    """Returns the windows near a model that is fitted to them."""
    for _ in range(10):
        residuals = model.residuals(samples, samples.weights(inliers))
        near = _near(residuals, inliers)
        if (near == inliers).all():
            break
        inliers = near
    return inliers


def _plausible(samples: ShiftSamples) -> Flags:
    """Returns the windows that differ from their neighbours no more than these do.

    The normalised median test of Westerweel and Scarano (2005), on the residuals of a plane.
    """
    places = samples.places
    count = len(places)
    everyone = np.ones(count, bool)
    if count <= NEIGHBOURS:
        return everyone
    plane = np.column_stack([np.ones(count), places - places.mean(0)])
    residuals = samples.shifts - plane @ _least_deviations(plane, samples.shifts)
    down, right = (places[:, None] - places).transpose(2, 0, 1)
    order = np.argsort(np.hypot(down, right), axis=1, kind="stable")
    neighbours = residuals[order[:, 1 : NEIGHBOURS + 1]]
    median = np.median(neighbours, axis=1)
    spreads = np.abs(neighbours - median[:, None])
    usual = np.median(spreads, axis=1)
    limit = OUTLIER * (usual + TOLERANCE)
    deviation = np.abs(residuals - median)
    plausible = np.asarray((deviation <= limit).all(1))
    return plausible if 2 * plausible.sum() > count else everyone


def _least_deviations(design: Vector, values: Vector) -> Vector:
    """Fits by least absolute deviations, which resist outliers: reweighted least squares."""
    fits = np.zeros((design.shape[1], values.shape[1]))
    for column, value in enumerate(values.T):
        weights = np.ones(len(value))
        for _ in range(20):
            root = np.sqrt(weights)
            fit = least_squares(design * root[:, None], value * root)
            deviations = np.abs(value - design @ fit)
            weights = 1 / np.maximum(deviations, 0.01)
        fits[:, column] = fit
    return fits


def _best(models: Iterator[ShiftModel], samples: ShiftSamples, inliers: Flags) -> ShiftModel:
    """Returns the first model that no later one improves on by enough."""
    best = next(models)
    least = _prediction_error(best, samples, inliers)
    share = 1 - IMPROVEMENT / np.sqrt(inliers.sum())
    for model in models:
        error = _prediction_error(model, samples, inliers)
        if error < share * least:
            best = model
            least = error
    return best


def _prediction_error(model: ShiftModel, samples: ShiftSamples, inliers: Flags) -> float:
    """Returns the mean weighted error of predicting each window from those that do not overlap it.

    For a linear smoother with hat matrix H, leaving out the set S turns its residuals e into
    ``(I - H[S, S])^-1 e[S]``.
    """
    places = samples.places
    weights = samples.weights(inliers)
    hat = model.basis @ model.solver(weights)
    residuals = samples.shifts - hat @ samples.shifts
    side = max(2 * samples.reach, 1e-9)
    total = 0.0
    for i in np.flatnonzero(inliers):
        apart = np.abs(places - places[i]) / side
        common = 1 - np.minimum(apart, 1)
        overlapping = common.prod(1) > OVERLAP
        group = np.flatnonzero(inliers & overlapping)
        own_part = hat[np.ix_(group, group)]
        inverse = np.eye(len(group)) - own_part
        errors = least_squares(inverse, residuals[group])
        down, right = errors[np.searchsorted(group, i)]
        total += np.sqrt(weights[i]) * float(np.hypot(down, right))
    return total / int(inliers.sum())


def _fit(model: ShiftModel, samples: ShiftSamples, inliers: Flags, centre: Vector) -> ShiftFit:
    """Splits a model into its linear part and a surface."""
    weights = samples.weights(inliers)
    lattice = samples.lattice()
    _, functions = model.basis.shape
    plane = polynomial(min(functions - 1, 1), samples.places, lattice, centre)
    coefficients = plane.solver(weights) @ samples.shifts
    residuals = samples.shifts - plane.basis @ coefficients
    surface = None
    if model.controls is not None:
        bent = model.solver(weights) @ residuals
        surface = Surface.of(lattice, model.controls @ bent)
        added = surface.at(*samples.places.T)
        residuals = residuals - np.column_stack(added)
    linear = np.zeros((3, 2))
    linear[: len(coefficients)] = coefficients
    slopes = linear[1:] / lattice.spacing
    down, right = linear[0].tolist()
    return ShiftFit(
        shift=(down, right),
        drift=_drift(centre, slopes),
        surface=surface,
        inliers=inliers,
        residuals=residuals,
    )


def _drift(centre: Vector, slopes: Vector) -> Drift:
    """Takes the change of rows and columns ``(2, 2)``: for each row, then for each column."""
    row, col = centre.tolist()
    (rows_per_row, cols_per_row), (rows_per_col, cols_per_col) = slopes.tolist()
    return Drift(
        row=row,
        col=col,
        rows_per_row=rows_per_row,
        rows_per_col=rows_per_col,
        cols_per_row=cols_per_row,
        cols_per_col=cols_per_col,
    )
