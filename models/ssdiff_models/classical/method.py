"""What all classical methods share: statistics of the scene, a rule of frozen numbers made from them, the rule applied to blocks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block, Geometry
from ssdiff_models.classical.moments import Array, Statistics

__all__ = [
    "RATIO_LIMIT",
    "Context",
    "Method",
    "Rule",
    "bounded_ratio",
    "column",
    "floor",
    "numbers",
]

RATIO_LIMIT = 8.0
"""Largest modulation of an MS value by a ratio method, in either direction: the reference has none and reaches 1000."""

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known before any pixel is read."""

    geometry: Geometry
    gains: Numbers
    """MTF gain of each MS band at its Nyquist frequency; their number is the number of bands."""
    pan_gain: float
    """The PAN's, at the same frequency."""
    ranges: tuple[tuple[float, float], ...]
    """Range of each band in which percentiles are sought, DN."""
    percentiles: Numbers | None = None
    """First percentile of each band of the interpolated MS where it is known exactly; sought by a histogram otherwise."""
    floors: Numbers = ()
    """DN of each band that stand for 0 when the band takes the PAN's mean and standard deviation; `floor` of each band."""

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return len(self.gains)


class Rule(ABC):
    """A method with all its numbers: what is left depends on a bounded neighbourhood only. A frozen dataclass of plain numbers."""

    def halo(self, geometry: Geometry) -> int:
        """Returns the PAN pixels needed around a window, whole MS pixels."""
        return 0

    @abstractmethod
    def apply(self, block: Block) -> Tensor:
        """Returns the fused ``(bands, rows, cols)`` in DN, in memory of its own."""


class Method(ABC):
    """A method before it knows the scene."""

    def reach(self, geometry: Geometry) -> int:
        """Returns the PAN pixels that `gather` needs around a block, whole MS pixels."""
        return 0

    @abstractmethod
    def gather(self, block: Block, context: Context) -> Statistics | None:
        """Returns the sums over one block; None where the method needs none at all."""

    @abstractmethod
    def solve(self, statistics: Statistics, context: Context) -> Rule:
        """Returns the rule that follows from the sums over all blocks.

        Raises:
            InputError: When there is no valid pixel.
        """


def bounded_ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divides within plus and minus `RATIO_LIMIT`, in place of `denominator`; 0/0 is 0."""
    denominator += torch.finfo(torch.float64).eps
    return torch.div(numerator, denominator, out=denominator).clamp_(-RATIO_LIMIT, RATIO_LIMIT)


def column(values: Numbers, like: Tensor) -> Tensor:
    """Returns one number a band as ``(bands, 1, 1)``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def floor(mean: float, std: float, *, pan_mean: float, pan_std: float) -> float:
    """Returns where a band that is matched to the PAN's mean and standard deviation becomes 0, in its own DN."""
    lowest = float(np.finfo(np.float32).min)
    return max(mean - pan_mean * std / pan_std, lowest) if pan_std > 0 else lowest


def numbers(values: Array) -> Numbers:
    """Returns an array as plain numbers."""
    return tuple(np.asarray(values, dtype=float).tolist())
