"""What an evaluation is going to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ssdiff_cli.jobs.evaluate.methods.model import Model
from ssdiff_cli.jobs.evaluate.samples.products import Product
from ssdiff_cli.jobs.evaluate.samples.sample import Fuser, Sample
from ssdiff_cli.jobs.evaluate.settings import Settings

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is decided before the first pixel is fused."""

    settings: Settings
    samples: Iterator[Sample]
    """Read one by one."""
    count: int
    """Number of samples; fewer come where some are empty."""
    fusers: Mapping[str, Fuser]
    """Rows of the table, in order."""
    products: Mapping[str, Product] = field(default_factory=dict)
    """Those of the rows that are read from files."""
    model: Model | None = None
    """Model of one of the rows."""
