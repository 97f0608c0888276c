"""How a shift changes over a scene: the stiffest of several models that predicts windows which it has not seen about as well as any."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.surface import Lattice, Surface

__all__ = ["Drift", "ShiftFit", "ShiftSamples", "fit_constant", "fit_smooth"]

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CELLS = 10
"""Cells of the lattice on the longer side of the scene, at most."""
STIFFNESS = tuple(10.0**power for power in np.arange(2, -2.1, -0.5))
"""Weights of the bending energy that are tried, from stiff to soft."""
ENOUGH = (1, 6, 15, 25)
"""Windows that polynomials of degree 0, 1, 2 and 3 need; a surface needs no more than the last one."""
WORTH = 1.2
"""Part of the error of prediction, times the square root of the number of windows, that a softer model must take away."""
NEIGHBOURS = 8
STRANGE = 4.0
"""Deviation from the neighbours' median, over their own, beyond which a window is left out."""
COMMON = 1 / 3
"""Share of their pixels that windows have in common beyond which one must not help to predict the other."""
SMOOTH = 0.1
"""PAN pixels that neighbours may always differ by."""
LEAST_ERROR = 0.002
"""PAN pixels of standard error that a window has at least."""
LEAST_MISFIT = 0.02
"""PAN pixels that a model of a changing shift is off by at least, wherever windows lie."""
FAR, SLACK = 4.0, 0.25
"""Robust standard deviations from the model, and PAN pixels, beyond which a window is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A shift that changes over the scene: what is added to the one of the scene, per PAN pixel from a point on."""

    row: float
    """The point's PAN row."""
    col: float
    """The point's PAN column."""
    rows_per_row: float = 0.0
    rows_per_col: float = 0.0
    cols_per_row: float = 0.0
    cols_per_col: float = 0.0

    def at(self, row: float, col: float) -> tuple[float, float]:
        """Returns the rows and columns to add at a PAN position."""
        down, right = row - self.row, col - self.col
        return (
            self.rows_per_row * down + self.rows_per_col * right,
            self.cols_per_row * down + self.cols_per_col * right,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftSamples:
    """What n windows say."""

    places: Vector
    """``(n, 2)``: PAN rows and columns of their centres."""
    shifts: Vector
    """``(n, 2)`` in PAN pixels."""
    errors: Vector
    """``(n,)``: standard errors of the shifts."""
    reach: float = 0.0
    """Half a window's side in PAN pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFit:
    """A shift that changes over a scene."""

    shift: tuple[float, float]
    """Rows and columns in the middle of the windows, of the linear part."""
    drift: Drift
    surface: Surface | None
    """What the linear part leaves; None where it leaves nothing worth following."""
    kept: Flags
    """Windows that count."""
    left: Vector
    """``(n, 2)``: what the windows say beyond all that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A linear model of a shift: coefficients that weighted least squares and a penalty tell."""

    basis: Vector
    """``(n, k)``."""
    penalty: Vector
    """``(k, k)``."""
    lattice: Lattice | None = None
    """Where more than a plane is told as control points."""
    controls: Vector | None = None
    """``(lattice's, k)``: what makes control points of coefficients."""

    def solver(self, weights: Vector) -> Vector:
        """Returns ``(k, n)``: what makes coefficients of values."""
        weighted = self.basis.T * weights
        normal = weighted @ self.basis + self.penalty
        ridge = 1e-9 * np.trace(normal) / len(normal)
        return np.asarray(np.linalg.solve(normal + ridge * np.eye(len(normal)), weighted))


def fit_constant(seen: ShiftSamples) -> ShiftFit:
    """Fits one shift for the whole scene, by least squares weighted by the errors, leaving out what lies far off (at first: the median)."""
    kept = np.ones(len(seen.shifts), bool)
    fit = np.median(seen.shifts, axis=0)
    for _ in range(10):
        fresh = _near(seen.shifts - fit, kept)
        fit = np.average(
            seen.shifts[fresh], axis=0, weights=1 / np.maximum(seen.errors[fresh], LEAST_ERROR) ** 2
        )
        if (fresh == kept).all():
            break
        kept = fresh
    row, col = seen.places.mean(0)
    drift = Drift(row=float(row), col=float(col))
    return ShiftFit(
        shift=(float(fit[0]), float(fit[1])),
        drift=drift,
        surface=None,
        kept=kept,
        left=seen.shifts - fit,
    )


def _near(left: Vector, kept: Flags) -> Flags:
    """Returns the windows that do not lie far off a fit, by the spread of those that counted for it."""
    limit = np.maximum(FAR * 1.4826 * np.median(np.abs(left[kept]), axis=0), SLACK)
    return np.asarray((np.abs(left) <= limit).all(1))


def fit_smooth(seen: ShiftSamples) -> ShiftFit:
    """Fits the model that predicts best, leaving out windows that contradict their neighbours."""
    kept = _plausible(seen)
    centre = seen.places[kept].mean(0)
    for _ in range(2):
        model = _chosen(_models(seen, int(kept.sum()), centre), seen, kept)
        kept = _settled(model, seen, kept)
    return _followed(model, seen, kept, centre)


def _settled(model: _Model, seen: ShiftSamples, kept: Flags) -> Flags:
    """Returns the windows that do not lie far off a model which is fitted to them."""
    for _ in range(10):
        left = seen.shifts - model.basis @ (model.solver(_weights(seen, kept)) @ seen.shifts)
        fresh = _near(left, kept)
        if (fresh == kept).all():
            break
        kept = fresh
    return kept


def _weights(seen: ShiftSamples, kept: Flags) -> Vector:
    """Weights of least squares, of mean 1; windows that do not count have none."""
    weights = kept / np.maximum(seen.errors, LEAST_MISFIT) ** 2
    return np.asarray(weights / weights[kept].mean())


def _plausible(seen: ShiftSamples) -> Flags:
    """Windows that differ from the median of their neighbours no more than these do among themselves.

    The normalised median test of Westerweel and Scarano (2005), on what is left of a plane.
    """
    count = len(seen.places)
    if count <= NEIGHBOURS:
        return np.ones(count, bool)
    flat = np.column_stack([np.ones(count), seen.places - seen.places.mean(0)])
    left = seen.shifts - flat @ _least_deviations(flat, seen.shifts)
    distance = np.hypot(*(seen.places[:, None] - seen.places[None]).transpose(2, 0, 1))
    near = np.argsort(distance, axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1]
    middle = np.median(left[near], axis=1)
    usual = np.median(np.abs(left[near] - middle[:, None]), axis=1)
    found = np.asarray((np.abs(left - middle) <= STRANGE * (usual + SMOOTH)).all(1))
    return found if 2 * found.sum() > count else np.ones(count, bool)


def _least_deviations(design: Vector, values: Vector) -> Vector:
    """Fits by least absolute deviations, to which outliers do little: least squares, weighted anew."""
    found = np.zeros((design.shape[1], values.shape[1]))
    for column, value in enumerate(values.T):
        weights = np.ones(len(value))
        for _ in range(20):
            root = np.sqrt(weights)
            found[:, column] = np.linalg.lstsq(design * root[:, None], value * root, rcond=None)[0]
            weights = 1 / np.maximum(np.abs(value - design @ found[:, column]), 0.01)
    return found


def _models(seen: ShiftSamples, count: int, centre: Vector) -> Iterator[_Model]:
    """Yields what `count` windows support, from stiff to soft: polynomials, then surfaces."""
    lattice = _lattice(seen)
    for degree, enough in enumerate(ENOUGH):
        if count >= enough:
            yield _polynomial(degree, seen.places, lattice, centre)
    if count < ENOUGH[-1]:
        return
    basis, bending = lattice.basis(*seen.places.T), lattice.bending()
    for stiffness in STIFFNESS:
        yield _Model(
            basis=basis,
            penalty=stiffness * bending,
            lattice=lattice,
            controls=np.eye(basis.shape[1]),
        )


def _lattice(seen: ShiftSamples) -> Lattice:
    low, high = seen.places.min(0) - seen.reach, seen.places.max(0) + seen.reach
    across = max(len(np.unique(axis)) for axis in seen.places.T)
    return Lattice.over(
        (float(low[0]), float(low[1])), (float(high[0]), float(high[1])), cells=min(across, CELLS)
    )


def _polynomial(degree: int, places: Vector, lattice: Lattice, centre: Vector) -> _Model:
    """Returns a polynomial as a model; a cubic spline can be any of them."""

    def monomials(at: Vector) -> Vector:
        down, right = ((at - centre) / lattice.spacing).T
        return np.column_stack(
            [
                down ** (power - k) * right**k
                for power in range(degree + 1)
                for k in range(power + 1)
            ]
        )

    basis = monomials(places)
    penalty = np.zeros((basis.shape[1], basis.shape[1]))
    if degree < 2:
        return _Model(basis=basis, penalty=penalty)
    samples = lattice.samples()
    controls = np.asarray(
        np.linalg.lstsq(lattice.basis(*samples.T), monomials(samples), rcond=None)[0], np.float64
    )
    return _Model(basis=basis, penalty=penalty, lattice=lattice, controls=controls)


def _chosen(models: Iterator[_Model], seen: ShiftSamples, kept: Flags) -> _Model:
    """Returns the first model that no later one improves on by enough."""
    candidates = [(model, _unseen_error(model, seen, kept)) for model in models]
    best, error = candidates[0]
    for model, fresh in candidates[1:]:
        if fresh < (1 - WORTH / np.sqrt(kept.sum())) * error:
            best, error = model, fresh
    return best


def _unseen_error(model: _Model, seen: ShiftSamples, kept: Flags) -> float:
    """Mean weighted deviation of windows from what the others predict that have no pixels in common with them.

    For a linear smoother with hat matrix H, leaving out the set S turns its residuals e into ``(I - H[S, S])^-1 e[S]``.
    """
    weights = _weights(seen, kept)
    hat = model.basis @ model.solver(weights)
    left, places = seen.shifts - hat @ seen.shifts, seen.places
    total = 0.0
    for i in np.flatnonzero(kept):
        apart = np.abs(places - places[i]) / max(2 * seen.reach, 1e-9)
        shared = kept & ((1 - np.minimum(apart, 1)).prod(1) > COMMON)
        group = np.flatnonzero(shared)
        missed = np.linalg.lstsq(
            np.eye(len(group)) - hat[np.ix_(group, group)], left[group], rcond=None
        )[0]
        total += np.sqrt(weights[i]) * float(np.hypot(*missed[np.searchsorted(group, i)]))
    return total / int(kept.sum())


def _followed(model: _Model, seen: ShiftSamples, kept: Flags, centre: Vector) -> ShiftFit:
    """Takes the linear part out of a model, and what is left of it as a surface."""
    weights, lattice = _weights(seen, kept), _lattice(seen)
    flat = _polynomial(min(model.basis.shape[1] - 1, 1), seen.places, lattice, centre)
    linear = np.zeros((3, 2))
    linear[: flat.basis.shape[1]] = flat.solver(weights) @ seen.shifts
    left = seen.shifts - flat.basis @ linear[: flat.basis.shape[1]]
    surface = None
    if model.lattice is not None and model.controls is not None:
        surface = Surface.of(model.lattice, model.controls @ (model.solver(weights) @ left))
        left = left - np.column_stack(surface.at(*seen.places.T))
    slopes = linear[1:] / lattice.spacing
    return ShiftFit(
        shift=(float(linear[0, 0]), float(linear[0, 1])),
        drift=Drift(
            row=float(centre[0]),
            col=float(centre[1]),
            rows_per_row=float(slopes[0, 0]),
            rows_per_col=float(slopes[1, 0]),
            cols_per_row=float(slopes[0, 1]),
            cols_per_col=float(slopes[1, 1]),
        ),
        surface=surface,
        kept=kept,
        left=left,
    )
