"""Linear models of a shift over a scene, from stiff to soft: polynomials, then spline surfaces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.registration.surface import Lattice

__all__ = ["ShiftModel", "ShiftSamples", "least_squares", "polynomial", "supported_models"]

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CELLS = 10
"""Largest number of the lattice's cells on the longer side of the scene."""
STIFFNESS = tuple(10.0**power for power in np.arange(2, -2.1, -0.5))
"""Weights of the bending energy, from stiff to soft."""
MINIMUM_WINDOWS = (1, 6, 15, 25)
"""Windows for polynomials of degree 0, 1, 2 and 3; 25 are enough for surfaces, too."""
LEAST_MISFIT = 0.02
"""Least error of a smooth model in PAN pixels."""


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
        errors = np.maximum(self.errors, LEAST_MISFIT)
        weights = inliers / errors**2
        mean = weights[inliers].mean()
        return np.asarray(weights / mean)

    def lattice(self) -> Lattice:
        """Returns the lattice of surfaces over all windows."""
        low = self.places.min(0) - self.reach
        high = self.places.max(0) + self.reach
        across = max(len(np.unique(axis)) for axis in self.places.T)
        cells = min(across, CELLS)
        return Lattice.over(low.tolist(), high.tolist(), cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftModel:
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
        size = len(normal)
        ridge = 1e-9 * np.trace(normal) / size
        regular = normal + ridge * np.eye(size)
        return np.asarray(np.linalg.solve(regular, weighted))

    def residuals(self, samples: ShiftSamples, weights: Vector) -> Vector:
        """Returns ``(n, 2)``: the shifts minus the model fitted to them."""
        coefficients = self.solver(weights) @ samples.shifts
        return np.asarray(samples.shifts - self.basis @ coefficients)


def supported_models(samples: ShiftSamples, count: int, centre: Vector) -> Iterator[ShiftModel]:
    """Yields the models that `count` windows support, from stiff to soft."""
    lattice = samples.lattice()
    for degree, minimum in enumerate(MINIMUM_WINDOWS):
        if count >= minimum:
            yield polynomial(degree, samples.places, lattice, centre)
    if count >= MINIMUM_WINDOWS[-1]:
        basis = lattice.basis(samples.places)
        bending = lattice.bending()
        controls = np.eye(len(bending))
        for stiffness in STIFFNESS:
            penalty = stiffness * bending
            yield ShiftModel(basis=basis, penalty=penalty, controls=controls)


def polynomial(degree: int, places: Vector, lattice: Lattice, centre: Vector) -> ShiftModel:
    """Returns a polynomial as a model; cubic splines contain all of them."""
    basis = _monomials(degree, (places - centre) / lattice.spacing)
    _, size = basis.shape
    penalty = np.zeros((size, size))
    if degree < 2:
        return ShiftModel(basis=basis, penalty=penalty)
    positions = lattice.samples()
    wanted = _monomials(degree, (positions - centre) / lattice.spacing)
    controls = least_squares(lattice.basis(positions), wanted)
    return ShiftModel(basis=basis, penalty=penalty, controls=controls)


def _monomials(degree: int, positions: Vector) -> Vector:
    down, right = positions.T
    powers = [(power - k, k) for power in range(degree + 1) for k in range(power + 1)]
    columns = [down**rows * right**cols for rows, cols in powers]
    return np.column_stack(columns)


def least_squares(design: Vector, values: Vector) -> Vector:
    """Returns the coefficients of the columns of `design` that fit values best."""
    solution = np.linalg.lstsq(design, values, rcond=None)
    return np.asarray(solution[0])
