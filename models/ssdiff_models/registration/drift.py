"""Shifts that change over a scene: the stiffest model that predicts unseen windows about as well.

The models are polynomials of degree 0 to 3, then ever softer spline surfaces.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.surface import Lattice, Surface

__all__ = ["Drift", "ShiftFit", "ShiftSamples", "fit_constant", "fit_smooth"]

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CELLS = 10
"""Largest number of the lattice's cells on the longer side of the scene."""
STIFFNESS = tuple(10.0**power for power in np.arange(2, -2.1, -0.5))
"""Weights of the bending energy, from stiff to soft."""
MINIMUM_WINDOWS = (1, 6, 15, 25)
"""Windows for polynomials of degree 0, 1, 2 and 3; 25 are enough for surfaces, too."""
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
LEAST_MISFIT = 0.02
"""Least error of a smooth model in PAN pixels."""
FAR, SLACK = 4.0, 0.25
"""Robust standard deviations, and PAN pixels, from a model beyond which a window is an outlier."""


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
class ShiftSamples:
    """The shifts of n windows."""

    places: Vector
    """``(n, 2)``: PAN rows and columns of their centres."""
    shifts: Vector
    """``(n, 2)`` in PAN pixels."""
    errors: Vector
    """``(n,)``: standard errors of the shifts."""
    reach: float = 0.0
    """Half a window's side in PAN pixels."""

    def weights(self, inliers: Flags) -> Vector:
        """Returns weights for least squares, of mean 1 over the inliers and 0 elsewhere."""
        weights = inliers / np.maximum(self.errors, LEAST_MISFIT) ** 2
        return np.asarray(weights / weights[inliers].mean())

    def lattice(self) -> Lattice:
        """Returns the lattice of surfaces over all windows."""
        low = (self.places.min(0) - self.reach).tolist()
        high = (self.places.max(0) + self.reach).tolist()
        across = max(len(np.unique(axis)) for axis in self.places.T)
        return Lattice.over(low, high, min(across, CELLS))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A linear model of a shift, fitted by weighted least squares and a penalty."""

    basis: Vector
    """``(n, k)``: its functions at the windows."""
    penalty: Vector
    """``(k, k)``."""
    controls: Vector | None = None
    """``(points, k)``: control points of a surface for each function; None: it is linear."""

    def solver(self, weights: Vector) -> Vector:
        """Returns ``(k, n)``: the map from values to coefficients."""
        weighted = self.basis.T * weights
        normal = weighted @ self.basis + self.penalty
        ridge = 1e-9 * np.trace(normal) / len(normal)
        return np.asarray(np.linalg.solve(normal + ridge * np.eye(len(normal)), weighted))


def fit_constant(samples: ShiftSamples) -> ShiftFit:
    """Fits one shift for the whole scene by weighted least squares without outliers."""
    inliers = np.ones(len(samples.shifts), bool)
    weights = 1 / np.maximum(samples.errors, LEAST_ERROR) ** 2
    fit = np.median(samples.shifts, axis=0)
    for _ in range(10):
        near = _near(samples.shifts - fit, inliers)
        fit = np.average(samples.shifts[near], axis=0, weights=weights[near])
        if (near == inliers).all():
            break
        inliers = near
    row, col = samples.places.mean(0).tolist()
    return ShiftFit(
        shift=(float(fit[0]), float(fit[1])),
        drift=Drift(row=row, col=col),
        surface=None,
        inliers=inliers,
        residuals=samples.shifts - fit,
    )


def _near(residuals: Vector, inliers: Flags) -> Flags:
    """Returns the windows near a fit, by the spread of those that it was fitted to."""
    spread = 1.4826 * np.median(np.abs(residuals[inliers]), axis=0)
    return np.asarray((np.abs(residuals) <= np.maximum(FAR * spread, SLACK)).all(1))


def fit_smooth(samples: ShiftSamples) -> ShiftFit:
    """Fits the model that predicts best, without windows that contradict their neighbours."""
    inliers = _plausible(samples)
    centre = samples.places[inliers].mean(0)
    for _ in range(2):
        models = _models(samples, int(inliers.sum()), centre)
        model = _best(models, samples, inliers)
        inliers = _refitted(model, samples, inliers)
    return _fit(model, samples, inliers, centre)


def _refitted(model: _Model, samples: ShiftSamples, inliers: Flags) -> Flags:
    """Returns the windows near a model that is fitted to them."""
    for _ in range(10):
        coefficients = model.solver(samples.weights(inliers)) @ samples.shifts
        near = _near(samples.shifts - model.basis @ coefficients, inliers)
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
    if count <= NEIGHBOURS:
        return np.ones(count, bool)
    plane = np.column_stack([np.ones(count), places - places.mean(0)])
    residuals = samples.shifts - plane @ _least_deviations(plane, samples.shifts)
    distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1]
    median = np.median(residuals[nearest], axis=1)
    usual = np.median(np.abs(residuals[nearest] - median[:, None]), axis=1)
    plausible = (np.abs(residuals - median) <= OUTLIER * (usual + TOLERANCE)).all(1)
    return np.asarray(plausible) if 2 * plausible.sum() > count else np.ones(count, bool)


def _least_deviations(design: Vector, values: Vector) -> Vector:
    """Fits by least absolute deviations, which resist outliers: reweighted least squares."""
    fits = np.zeros((design.shape[1], values.shape[1]))
    for column, value in enumerate(values.T):
        weights = np.ones(len(value))
        for _ in range(20):
            root = np.sqrt(weights)
            fit = np.linalg.lstsq(design * root[:, None], value * root, rcond=None)[0]
            weights = 1 / np.maximum(np.abs(value - design @ fit), 0.01)
        fits[:, column] = fit
    return fits


def _models(samples: ShiftSamples, count: int, centre: Vector) -> Iterator[_Model]:
    """Yields the models that `count` windows support, from stiff to soft."""
    lattice = samples.lattice()
    for degree, minimum in enumerate(MINIMUM_WINDOWS):
        if count >= minimum:
            yield _polynomial(degree, samples.places, lattice, centre)
    if count >= MINIMUM_WINDOWS[-1]:
        basis = lattice.basis(samples.places)
        bending = lattice.bending()
        for stiffness in STIFFNESS:
            controls = np.eye(basis.shape[1])
            yield _Model(basis=basis, penalty=stiffness * bending, controls=controls)


def _polynomial(degree: int, places: Vector, lattice: Lattice, centre: Vector) -> _Model:
    """Returns a polynomial as a model; cubic splines contain all of them."""

    def monomials(at: Vector) -> Vector:
        down, right = ((at - centre) / lattice.spacing).T
        powers = [(power - k, k) for power in range(degree + 1) for k in range(power + 1)]
        return np.column_stack([down**rows * right**cols for rows, cols in powers])

    basis = monomials(places)
    penalty = np.zeros((basis.shape[1], basis.shape[1]))
    if degree < 2:
        return _Model(basis=basis, penalty=penalty)
    positions = lattice.samples()
    controls = np.linalg.lstsq(lattice.basis(positions), monomials(positions), rcond=None)[0]
    return _Model(basis=basis, penalty=penalty, controls=np.asarray(controls, np.float64))


def _best(models: Iterator[_Model], samples: ShiftSamples, inliers: Flags) -> _Model:
    """Returns the first model that no later one improves on by enough."""
    best = next(models)
    least = _prediction_error(best, samples, inliers)
    for model in models:
        error = _prediction_error(model, samples, inliers)
        if error < (1 - IMPROVEMENT / np.sqrt(inliers.sum())) * least:
            best = model
            least = error
    return best


def _prediction_error(model: _Model, samples: ShiftSamples, inliers: Flags) -> float:
    """Returns the mean weighted error of predicting each window from those that do not overlap it.

    For a linear smoother with hat matrix H, leaving out the set S turns its residuals e into
    ``(I - H[S, S])^-1 e[S]``.
    """
    places = samples.places
    weights = samples.weights(inliers)
    hat = model.basis @ model.solver(weights)
    residuals = samples.shifts - hat @ samples.shifts
    total = 0.0
    for i in np.flatnonzero(inliers):
        apart = np.abs(places - places[i]) / max(2 * samples.reach, 1e-9)
        overlap = (1 - np.minimum(apart, 1)).prod(1)
        group = np.flatnonzero(inliers & (overlap > OVERLAP))
        inverse = np.eye(len(group)) - hat[np.ix_(group, group)]
        errors = np.linalg.lstsq(inverse, residuals[group], rcond=None)[0]
        own = errors[np.searchsorted(group, i)]
        total += np.sqrt(weights[i]) * float(np.hypot(*own))
    return total / int(inliers.sum())


def _fit(model: _Model, samples: ShiftSamples, inliers: Flags, centre: Vector) -> ShiftFit:
    """Splits a model into its linear part and a surface."""
    weights = samples.weights(inliers)
    lattice = samples.lattice()
    plane = _polynomial(min(model.basis.shape[1] - 1, 1), samples.places, lattice, centre)
    coefficients = plane.solver(weights) @ samples.shifts
    residuals = samples.shifts - plane.basis @ coefficients
    surface = None
    if model.controls is not None:
        surface = Surface.of(lattice, model.controls @ (model.solver(weights) @ residuals))
        residuals = residuals - np.column_stack(surface.at(*samples.places.T))
    linear = np.zeros((3, 2))
    linear[: len(coefficients)] = coefficients
    row, col = centre.tolist()
    per_row, per_col = (linear[1:] / lattice.spacing).tolist()
    drift = Drift(
        row=row,
        col=col,
        rows_per_row=per_row[0],
        rows_per_col=per_col[0],
        cols_per_row=per_row[1],
        cols_per_col=per_col[1],
    )
    return ShiftFit(
        shift=(float(linear[0, 0]), float(linear[0, 1])),
        drift=drift,
        surface=surface,
        inliers=inliers,
        residuals=residuals,
    )
