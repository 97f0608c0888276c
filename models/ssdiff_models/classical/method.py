"""What all classical methods share: statistics of the scene, a rule made of them, its use."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssdiff_models.classical.block import Block
from ssdiff_models.classical.moments import Array, Statistics
from ssdiff_models.scene import sensors
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.sensors import Sensor

__all__ = [
    "RATIO_LIMIT",
    "Context",
    "Method",
    "Numbers",
    "Rule",
    "as_column",
    "bounded_ratio",
    "identity_and",
    "numbers",
]

RATIO_LIMIT = 8.0
"""Largest modulation of an MS value by a ratio method, in either direction.

The reference has none and reaches 1000.
"""

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known before any pixel is read."""

    grid: ModelGrid
    gains: Numbers
    """MTF gain of each MS band at its Nyquist frequency; their number is the number of bands."""
    pan_gain: float
    """The PAN's, as the sensor has it."""
    ranges: tuple[tuple[float, float], ...]
    """Range of each band in which percentiles are sought, DN."""
    percentiles: Numbers | None = None
    """First percentile of each band of the interpolated MS; None: a histogram finds it."""
    names: tuple[str, ...] = ()
    """Names of the MS bands; empty, also one of them, where unknown."""
    floors: Numbers = ()
    """DN of each band that become 0 when the band takes the PAN's mean and deviation."""

    @classmethod
    def of(
        cls,
        grid: ModelGrid,
        sensor: Sensor | str,
        ranges: tuple[tuple[float, float], ...],
        floors: Numbers,
    ) -> "Context":
        """Takes the gains of a sensor, which may be a name.

        Raises:
            UsageError: When the sensor is unknown.
        """
        known = sensors.get(sensor) if isinstance(sensor, str) else sensor
        return cls(
            grid=grid,
            gains=known.gains(len(ranges)),
            pan_gain=known.pan_gain,
            ranges=ranges,
            names=known.bands if len(known.bands) == len(ranges) else (),
            floors=floors,
        )

    @property
    def bands(self) -> int:
        """Number of MS bands."""
        return len(self.gains)


class Rule(ABC):
    """A method with all its numbers: a frozen dataclass of plain ones.

    Its pixels depend on a bounded neighbourhood only.
    """

    def halo(self, grid: ModelGrid) -> int:
        """Returns the PAN pixels needed around a window, whole MS pixels."""
        return 0

    @abstractmethod
    def apply(self, block: Block) -> Tensor:
        """Returns the fused ``(bands, rows, cols)`` in DN, in memory of its own."""


class Method(ABC):
    """A method before it knows the scene."""

    def reach(self, grid: ModelGrid) -> int:
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


def as_column(values: Numbers, like: Tensor) -> Tensor:
    """Returns one number a band as ``(bands, 1, 1)``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def identity_and(rows: tuple[Numbers, ...]) -> Tensor:
    """Returns the weights of a mixture, float64: each band itself, then mixtures of all bands."""
    bands = torch.eye(len(rows[0]), dtype=torch.float64)
    return torch.cat([bands, torch.tensor(rows, dtype=torch.float64)])


def numbers(values: Array) -> Numbers:
    """Returns an array as plain numbers."""
    return tuple(np.asarray(values, dtype=float).tolist())
