"""Names that options take, for lists and for completion: nothing slow is imported."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["complete_method", "complete_model", "complete_sensor", "method_table"]


@cache
def method_table() -> dict[str, dict[str, Any]]:
    """Returns family, reference and speed (MP/s) of each method of ``--method``."""
    # Read as a file: importing its package imports torch.
    table = resources.files("ssdiff_models").joinpath("classical", "methods.toml")
    return tomllib.loads(table.read_text(encoding="utf-8"))


def complete_method(incomplete: str) -> list[str]:
    """Returns the methods that begin so."""
    return _beginning(incomplete, list(method_table()))


def complete_sensor(incomplete: str) -> list[str]:
    """Returns the sensors that begin so."""
    table = resources.files("ssdiff_models").joinpath("scene", "sensors.toml")
    entries = tomllib.loads(table.read_text(encoding="utf-8"))["sensors"]
    return _beginning(incomplete, [entry["name"] for entry in entries])


def complete_model(incomplete: str) -> list[str]:
    """Returns the shipped models that begin so."""
    folder = resources.files("ssdiff_models").joinpath("weights")
    names = (path.name for path in folder.iterdir())
    ending = ".safetensors"
    return _beginning(incomplete, [n.removesuffix(ending) for n in names if n.endswith(ending)])


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete.lower()))
