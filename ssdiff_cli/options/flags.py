"""Arguments and options that several commands or groups share, each declared once."""

from functools import partial
from typing import Annotated

import typer

from ssdiff_cli import console

__all__ = [
    "Device",
    "Json",
    "Model",
    "Ms",
    "Output",
    "Overwrite",
    "Pan",
    "Quiet",
    "Seed",
    "Sensor",
    "Stats",
    "Steps",
    "Threads",
    "Verbose",
    "device_option",
    "model_option",
    "output_option",
    "pair_option",
]

pair_option = partial(typer.Option, rich_help_panel="Pair")
output_option = partial(typer.Option, rich_help_panel="Output")
model_option = partial(typer.Option, rich_help_panel="Model")
device_option = partial(typer.Option, rich_help_panel="Device")

_VERBOSITY = "ssdiff.verbosity"


def _louder(context: typer.Context, count: int) -> int:
    context.meta[_VERBOSITY] = console.adjust_verbosity(count, context.meta.get(_VERBOSITY, 0))
    return count


def _quieter(context: typer.Context, count: int) -> int:
    _louder(context, -count)
    return count


_counted = partial(typer.Option, count=True, is_eager=True, show_default=False)
Verbose = Annotated[int, _counted("--verbose", "-v", callback=_louder, help="Say more (-vv: all).")]
Quiet = Annotated[int, _counted("--quiet", "-q", callback=_quieter, help="Say less; no bar.")]

Pan = Annotated[
    str, typer.Argument(metavar="PAN", help="Panchromatic raster: whatever GDAL opens.")
]
Ms = Annotated[str, typer.Argument(metavar="MS", help="Multispectral raster of the same place.")]

Output = Annotated[str, output_option("--output", "-o", metavar="FILE", help="File to write.")]
Overwrite = Annotated[bool, output_option("--overwrite", help="Replace existing outputs.")]
Json = Annotated[bool, output_option("--json", help="Print one JSON object.")]

Model = Annotated[
    str | None,
    model_option(
        "--model", metavar="NAME|FILE", help="Model to use. (default: chosen for the scene)"
    ),
]
Sensor = Annotated[
    str | None,
    model_option(
        "--sensor", metavar="NAME", help="Sensor of the scene, for its MTF. (default: generic)"
    ),
]
Steps = Annotated[
    int | None,
    model_option("--steps", metavar="N", min=1, help="Sampling steps. (default: the model's)"),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of everything random.")]
Stats = Annotated[
    str | None,
    model_option(
        "--stats", metavar="FILE", help="Scene statistics, as `check --json` prints them."
    ),
]

Device = Annotated[
    str,
    device_option("--device", metavar="auto|cpu|cuda[:N]|mps", help="Where the network runs."),
]
Threads = Annotated[
    int | None,
    device_option(
        "--num-threads", "-j", metavar="N", min=1, help="Processor threads. (default: all)"
    ),
]
