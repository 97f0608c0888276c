"""What an evaluation is going to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssdiff_cli.jobs.evaluate.methods.on_arrays import Model

from ssdiff_cli.jobs.evaluate.samples.sample import Event, Settings

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is decided before the first pixel is fused."""

    settings: Settings
    methods: tuple[str, ...]
    """Names of the rows, in order."""
    count: int
    """Number of samples, where none turns out empty."""
    run: Callable[[], Iterator[Event]]
    """Fuses and scores, sample by sample."""
    products: tuple[str, ...] = ()
    """The rows that are given products."""
    model: "Model | None" = None
    """The model of one of the rows, for pictures of how it works."""
