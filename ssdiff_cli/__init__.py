"""The command-line tool; its commands are functions on files as well."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.evaluate.request import EvaluationRequest
    from ssdiff_cli.jobs.evaluate.results import Evaluation
    from ssdiff_cli.jobs.evaluate.run import evaluate
    from ssdiff_cli.jobs.sharpen.check import CheckReport, check
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob, SharpenReport
    from ssdiff_cli.jobs.sharpen.run import sharpen
    from ssdiff_cli.rasters.reading.pair_options import PairOptions
    from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = [
    "CheckReport",
    "DeviceOptions",
    "Evaluation",
    "EvaluationRequest",
    "FusionOptions",
    "PairOptions",
    "SharpenJob",
    "SharpenReport",
    "SinkOptions",
    "check",
    "evaluate",
    "sharpen",
]

_MODULES = {
    "CheckReport": "jobs.sharpen.check",
    "DeviceOptions": "device",
    "Evaluation": "jobs.evaluate.results",
    "EvaluationRequest": "jobs.evaluate.request",
    "FusionOptions": "jobs.sharpen.job",
    "PairOptions": "rasters.reading.pair_options",
    "SharpenJob": "jobs.sharpen.job",
    "SharpenReport": "jobs.sharpen.job",
    "SinkOptions": "rasters.writing.sink",
    "check": "jobs.sharpen.check",
    "evaluate": "jobs.evaluate.run",
    "sharpen": "jobs.sharpen.run",
}


def __getattr__(name: str) -> object:
    """Imports a public name on first use, so that ``ssdiff --help`` stays fast."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
