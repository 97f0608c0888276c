"""Images that stay within the data type, yet give the MS back: neighbours get what is clipped."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["CLIP_ITERATIONS", "ClipCounter", "Limits", "SensorView", "clip_consistently"]

CLIP_ITERATIONS = 60
"""Times that what was clipped is given back.

On scenes of harsh contrast, more iterations bring the image nearer to the MS by ever brighter and
darker pixels: HQNR of sn6-rotterdam-1, riotiler-decimated and a cut of vitale-wv2 is 0.918, 0.826,
0.914 with none, 0.893, 0.786, 0.903 with twelve, and 0.840, 0.721, 0.885 with sixty.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The range of pixel values, in the image's units."""

    low: Tensor
    """Least value of each band, ``(bands, 1, 1)``."""
    high: Tensor
    """Greatest value of each band, ``(bands, 1, 1)``."""
    clip_iterations: int = CLIP_ITERATIONS
    """Times that what was clipped is given back."""

    def clip(self, image: Tensor) -> Tensor:
        """Clips ``(..., bands, rows, cols)`` to the limits."""
        return image.clamp(self.low, self.high)


class SensorView(Protocol):
    """How a sensor sees images ``(..., bands, rows, cols)``."""

    def passes(self, iterations: int) -> tuple[int, ...]:
        """Returns the iterations that follow each look at the image."""
        ...

    def reduce(self, image: Tensor) -> Tensor:
        """Returns the MS pixels that the sensor sees of an image."""
        ...

    def missing(self, image: Tensor) -> Tensor:
        """Returns the MS minus the pixels that the sensor sees."""
        ...

    def correction(self, wanted: Tensor, iterations: int) -> Tensor:
        """Returns interpolated MS pixels that the sensor sees nearly as `wanted`."""
        ...


def clip_consistently(projected: Tensor, limits: Limits, view: SensorView) -> Tensor:
    """Clips an image, and gives what was clipped to the neighbours.

    This is back-projection with clipping and momentum: FISTA (Beck and Teboulle 2009) with
    interpolation for the adjoint. The number of iterations is fixed, so a pixel depends on its
    surroundings only; a tile that needs no clipping is returned unchanged, bit by bit. Where the
    MS itself exceeds the limits, no consistent image exists.

    Args:
        projected: ``(..., bands, rows, cols)``, consistent with the MS.
        limits: In the same units.
        view: The sensor.
    """
    clipped = limits.clip(projected)
    if torch.equal(clipped, projected):
        return projected
    wanted = view.reduce(projected)
    missing = wanted - view.reduce(clipped)
    previous = clipped
    previous_missing = missing
    weight = 1.0
    for _ in range(limits.clip_iterations):
        root = math.sqrt(1 + 4 * weight**2)
        next_weight = (1 + root) / 2
        momentum = (weight - 1) / next_weight
        weight = next_weight
        start = clipped + momentum * (clipped - previous)
        start_missing = missing + momentum * (missing - previous_missing)
        previous = clipped
        previous_missing = missing
        corrected = start + view.correction(start_missing, 1)
        clipped = limits.clip(corrected)
        missing = wanted - view.reduce(clipped)
    return clipped


class ClipCounter:
    """Counts pixels that projections moved to a limit; its owner hands it to those who project."""

    def __init__(self) -> None:
        self._counts: list[tuple[tuple[int, ...], Tensor, int]] = []

    def add(self, bands: Sequence[int], before: Tensor, after: Tensor, limits: Limits) -> None:
        """Adds a batch ``(B, bands, rows, cols)`` before and after its projection.

        Threads may add at the same time; no device is waited for.
        """
        raised = (after <= limits.low) & (before > limits.low)
        lowered = (after >= limits.high) & (before < limits.high)
        clipped = raised | lowered
        counts = clipped.sum((0, 2, 3))
        size = clipped[:, 0].numel()
        self._counts.append((tuple(bands), counts, size))

    def worst(self) -> tuple[int, float]:
        """Returns the band with the largest share of counted pixels, and that share, 0..1."""
        clipped: Counter[int] = Counter()
        pixels: Counter[int] = Counter()
        for bands, counts, size in self._counts:
            for band, count in zip(bands, counts.tolist(), strict=True):
                clipped[band] += count
                pixels[band] += size
        shares = {band: count / pixels[band] for band, count in clipped.items()}
        if not shares:
            return 0, 0.0
        worst = max(shares, key=shares.__getitem__)
        return worst, shares[worst]
