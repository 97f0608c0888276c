"""The command-line tool; its commands are functions on files as well."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssdiff_cli.api import check, evaluate, sharpen

__all__ = ["check", "evaluate", "sharpen"]


def __getattr__(name: str) -> object:
    """Imports a public name on first use, so that ``ssdiff --help`` stays fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("ssdiff_cli.api"), name)
