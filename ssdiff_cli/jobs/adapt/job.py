"""What to adapt to, and what came of it."""

from dataclasses import dataclass, field

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_models.training.adapt import AdaptConfig, Stage

__all__ = ["TOLERANCE", "AdaptJob", "AdaptResult"]

TOLERANCE = 0.002
"""A fall of HQNR that is none: as much as another crop of the scene makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptJob:
    """What to adapt to."""

    sharpen: SharpenJob
    """The pair, how it is understood, the model to begin with, the sensor, registration and statistics; its output is not used."""
    output: str
    config: AdaptConfig = field(default_factory=AdaptConfig)
    seconds: float = 600
    """Time after which training ends."""
    hqnr_fall: float = TOLERANCE
    """Fall of HQNR at full resolution that is accepted for what is gained at reduced resolution."""
    overwrite: bool = False
    """Whether an existing output is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptResult:
    """What came of it, as ``--json`` prints it."""

    output: str
    base: str
    """The model it began with."""
    bands: int
    ratio: int
    stage: Stage
    """Where the weights are from: the first ones, a new last layer, or training."""
    steps: int
    """Training steps up to these weights."""
    share: float
    """Part of the way from the first weights to them that HQNR allowed."""
    seconds: float
    unseen: dict[str, dict[str, float]]
    """SAM and ERGAS ``before`` and ``after``, and of each classical method, at reduced resolution on a quarter that training never saw."""
    hqnr: dict[str, float]
    """At full resolution, ``before`` and ``after``."""
