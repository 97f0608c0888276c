"""The science of ssdiff: tensors in, tensors out."""

from typing import TYPE_CHECKING, Any

from ssdiff_models._version import __version__

if TYPE_CHECKING:
    from ssdiff_models.arrays import sharpen
    from ssdiff_models.checkpoint import load_checkpoint
    from ssdiff_models.fusion.model_fuser import FusionSettings

__all__ = ["FusionSettings", "__version__", "load_checkpoint", "sharpen"]

_HOMES = {"FusionSettings": "fusing", "load_checkpoint": "checkpoint", "sharpen": "arrays"}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Imports the public names on first use, so that ``import ssdiff_models`` does not pull torch into every command."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
