"""The rows of an evaluation that are fused by the tool itself: their names, and what is meant by them."""

from collections.abc import Iterable
from dataclasses import replace

from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_models import classical
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.errors import UsageError
from ssdiff_models.fusion.model_fuser import FusionSettings

__all__ = [
    "DEFAULT_METHODS",
    "MODEL_METHODS",
    "known_methods",
    "method_notes",
    "needs_model",
    "parse_methods",
    "row_settings",
]

CONSISTENT_METHOD = f"{NETWORK}-consistent"
"""The row of the model with its image projected on those that give the MS back."""
MODEL_METHODS = (NETWORK, CONSISTENT_METHOD)
"""The rows that take a model."""
CLASSICAL = ("exp", "gsa", "bt-h", "bdsd-pc", "mtf-glp-fs")
"""The classical methods that are rows unless others are asked for."""
DEFAULT_METHODS = (NETWORK, *CLASSICAL)
"""The rows where none are asked for."""


def needs_model(methods: Iterable[str]) -> bool:
    """Whether one of the rows takes a model."""
    return any(name in MODEL_METHODS for name in methods)


def row_settings(method: str, settings: FusionSettings) -> FusionSettings:
    """Returns the settings of a row of the model's, given those of the fusion that the user would get."""
    return replace(settings, consistency=ITERATIONS) if method == CONSISTENT_METHOD else settings


def method_notes(methods: Iterable[str]) -> tuple[str, ...]:
    """Returns what a reader must know of rows whose names do not tell."""
    if CONSISTENT_METHOD not in methods:
        return ()
    return (
        f"{CONSISTENT_METHOD} is {NETWORK} after the projection that makes it give the MS back",
    )


def known_methods() -> tuple[str, ...]:
    """Returns the names that ``--methods`` takes."""
    return *MODEL_METHODS, *classical.METHODS


def parse_methods(text: str) -> tuple[str, ...]:
    """Reads a comma-separated list of methods, in the user's order and without repetitions.

    Raises:
        UsageError: When a name is unknown, or none is given; the message lists the known.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known_methods()]
    if unknown or not names:
        what = f"unknown method {unknown[0]!r}" if unknown else "--methods names no method"
        raise UsageError(f"{what}: known are {', '.join(known_methods())}")
    return names
