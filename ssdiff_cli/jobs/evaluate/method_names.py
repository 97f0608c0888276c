"""The methods that the tool can fuse with in an evaluation: their names and meanings."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from ssdiff_cli.jobs.evaluate.plan import Note
from ssdiff_cli.jobs.sharpen.job import NETWORK
from ssdiff_models import classical
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.errors import ModelError, UsageError
from ssdiff_models.fusion.settings import FusionSettings

__all__ = [
    "DEFAULT_METHODS",
    "MODEL_METHODS",
    "method_notes",
    "method_settings",
    "needs_model",
    "parse_methods",
    "without_model",
]

CONSISTENT = f"{NETWORK}-consistent"
"""The model, its image projected on those that give the MS back."""
MODEL_METHODS = (NETWORK, CONSISTENT)
"""The methods that need a model."""
DEFAULT_METHODS = (NETWORK, "exp", "gsa", "bt-h", "bdsd-pc", "mtf-glp-fs")
"""The methods when the user names none."""


def needs_model(methods: Iterable[str]) -> bool:
    """Whether one of the methods needs a model."""
    return any(name in MODEL_METHODS for name in methods)


def without_model(methods: Iterable[str], error: ModelError) -> tuple[tuple[str, ...], Note]:
    """Returns the methods that need no model, and a warning about the others."""
    rest = tuple(name for name in methods if name not in MODEL_METHODS)
    return rest, Note(text=f"{NETWORK} is left out: {error}", level=logging.WARNING)


def method_settings(method: str, settings: FusionSettings) -> FusionSettings:
    """Returns the settings of a method that needs a model, from those of ``ssdiff sharpen``."""
    return replace(settings, consistency=ITERATIONS) if method == CONSISTENT else settings


def method_notes(methods: Iterable[str]) -> tuple[Note, ...]:
    """Returns what the names of the methods do not say."""
    if CONSISTENT not in methods:
        return ()
    text = f"{CONSISTENT} is {NETWORK} after the projection that makes it give the MS back"
    return (Note(text=text),)


def parse_methods(text: str) -> tuple[str, ...]:
    """Reads a comma-separated list of methods, in the user's order and without repetitions.

    Raises:
        UsageError: When a name is unknown, or there is none.
    """
    known = (*MODEL_METHODS, *classical.METHODS)
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        problem = f"unknown method {unknown[0]!r}" if unknown else "--methods names no method"
        raise UsageError(f"{problem}: known are {', '.join(known)}")
    return names
