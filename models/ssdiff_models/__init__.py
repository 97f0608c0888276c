"""The science of ssdiff: arrays in, arrays out."""

from importlib import import_module
from typing import TYPE_CHECKING

from ssdiff_models._version import __version__

if TYPE_CHECKING:
    from ssdiff_models.arrays import sharpen
    from ssdiff_models.checkpoint import Checkpoint, load_checkpoint
    from ssdiff_models.fusion.settings import FusionSettings

__all__ = ["Checkpoint", "FusionSettings", "__version__", "load_checkpoint", "sharpen"]

_MODULES = {
    "Checkpoint": "checkpoint",
    "FusionSettings": "fusion.settings",
    "load_checkpoint": "checkpoint",
    "sharpen": "arrays",
}


def __getattr__(name: str) -> object:
    """Imports a public name on first use, so that ``import ssdiff_models`` needs no torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
