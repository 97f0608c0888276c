"""Arguments and options that several commands or groups share."""

from functools import partial
from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.names import complete_model, complete_sensor
from ssdiff_cli.options.parsing import gdal_settings, thread_count

__all__ = [
    "Config",
    "Device",
    "Json",
    "Model",
    "Ms",
    "MsFiles",
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
]

_output = partial(typer.Option, rich_help_panel="Output")
_model = partial(typer.Option, rich_help_panel="Model")
_device = partial(typer.Option, rich_help_panel="Device")

_VERBOSITY = "ssdiff.verbosity"


def _louder(context: typer.Context, count: int) -> int:
    context.meta[_VERBOSITY] = console.adjust_verbosity(count, context.meta.get(_VERBOSITY, 0))
    return count


def _quieter(context: typer.Context, count: int) -> int:
    return -_louder(context, -count)


_counted = partial(typer.Option, count=True, is_eager=True, show_default=False)
Verbose = Annotated[int, _counted("--verbose", "-v", callback=_louder, help="Say more (-vv: all).")]
Quiet = Annotated[int, _counted("--quiet", "-q", callback=_quieter, help="Say less; no bar.")]
Config = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        metavar="NAME=VALUE",
        callback=gdal_settings,
        is_eager=True,
        help="GDAL setting; repeatable.",
    ),
]

Pan = Annotated[str, typer.Argument(metavar="PAN", help="Panchromatic raster, in any GDAL format.")]
Ms = Annotated[str, typer.Argument(metavar="MS", help="Multispectral raster of the same place.")]
MsFiles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MS…]",
        help="Multispectral rasters of the same place, each FILE or FILE,band=N; none where PAN is a "
        "product: a folder of Landsat, Maxar, Pleiades or SPOT, or a STAC item.",
    ),
]

Output = Annotated[str, _output("--output", "-o", metavar="FILE", help="File to write.")]
Overwrite = Annotated[bool, _output("--overwrite", help="Replace existing outputs.")]
Json = Annotated[bool, _output("--json", help="Print one JSON object.")]

Model = Annotated[
    str | None,
    _model(
        metavar="NAME|FILE",
        autocompletion=complete_model,
        help="Model. (default: chosen for the scene)",
    ),
]


def _sensor(name: str | None) -> str | None:
    return None if name == "auto" else name


Sensor = Annotated[
    str | None,
    _model(
        metavar="NAME|auto",
        callback=_sensor,
        autocompletion=complete_sensor,
        help="Sensor, for its MTF. (default: estimated from the pair)",
    ),
]
Steps = Annotated[
    int | None, _model(metavar="N", min=1, help="Sampling steps. (default: the model's)")
]
Stats = Annotated[
    str | None, _model(metavar="FILE", help="Scene statistics, as `check --json` prints them.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of everything random.")]

Device = Annotated[
    str, _device("--device", metavar="auto|cpu|cuda[:N]|mps", help="Where the network runs.")
]
Threads = Annotated[
    int | None,
    _device(
        "--num-threads",
        "-j",
        metavar="N|ALL_CPUS",
        parser=thread_count,
        help="Threads. (default: all)",
    ),
]
