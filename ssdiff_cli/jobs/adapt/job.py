"""What to adapt a model to, and the result."""

from dataclasses import dataclass, field

from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_models.training.adapt import AdaptConfig, Stage

__all__ = ["TOLERANCE", "AdaptJob", "AdaptResult"]

TOLERANCE = 0.002
"""A fall of HQNR that means nothing: another crop of the scene makes as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptJob:
    """What to adapt a model to."""

    sharpen: SharpenJob
    """The pair, the model to begin with, the sensor and the registration; its output is unused."""
    output: str
    config: AdaptConfig = field(default_factory=AdaptConfig)
    seconds: float = 600
    """Time after which training ends."""
    hqnr_fall: float = TOLERANCE
    """Fall of HQNR at full resolution that the gain at reduced resolution may cost."""
    overwrite: bool = False
    """Whether an existing output is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptResult:
    """What was made; its fields are the keys of ``--json``."""

    output: str
    base: str
    """The model to begin with."""
    bands: int
    ratio: int
    stage: Stage
    """Where the weights are from: the first ones, a new last layer, or training."""
    steps: int
    """Training steps up to these weights."""
    share: float
    """Part of the way from the first weights to these that HQNR allowed."""
    seconds: float
    unseen: dict[str, dict[str, float]]
    """SAM and ERGAS at reduced resolution on a quarter of the scene that training never saw:
    ``before``, ``after``, and of each classical method."""
    hqnr: dict[str, float]
    """At full resolution, ``before`` and ``after``."""
