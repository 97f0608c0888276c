"""Means and covariances of samples that come in parts."""

import numpy as np

from ssdiff_models.metrics.base import Image

__all__ = ["Moments", "solve"]


class Moments:
    """Means and covariances of features, exact also where means are large beside deviations.

    Source: Chan, Golub and LeVeque (1979), the merging of parts.
    """

    def __init__(self, features: int) -> None:
        self.count = 0
        self.mean: Image = np.zeros(features)
        self._products: Image = np.zeros((features, features))

    def add(self, samples: Image) -> None:
        """Takes samples, ``(features, n)``."""
        count = samples.shape[1]
        if not count:
            return
        mean = samples.mean(axis=1)
        centred = samples - mean[:, None]
        total = self.count + count
        change = mean - self.mean
        between = np.outer(change, change) * (self.count * count / total)
        self._products = self._products + centred @ centred.T + between
        self.mean = self.mean + change * (count / total)
        self.count = total

    @property
    def covariance(self) -> Image:
        """``(features, features)``, with N; NaN without samples."""
        return self._products / (self.count or np.nan)

    @property
    def squares(self) -> Image:
        """Means of products, ``(features, features)``."""
        return self.covariance + np.outer(self.mean, self.mean)


def solve(matrix: Image, target: Image) -> Image:
    """Solves normal equations of features of unit size; the smallest solution if dependent."""
    scale = np.sqrt(np.diag(matrix))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = matrix / np.outer(scale, scale)
    if not np.isfinite(scaled).all():
        return np.full_like(target, np.nan)
    solution: Image = np.linalg.lstsq(scaled, target / scale, rcond=1e-13)[0]
    return solution / scale
