"""Options and arguments that several commands share, so that they read, parse and behave the same everywhere."""

from typing import Annotated, Literal

import typer

from ssdiff_cli import console

__all__ = [
    "Aoi",
    "AssumeSameCrs",
    "BatchSize",
    "Bbox",
    "BboxCrs",
    "Bidx",
    "Consistency",
    "CreationOptions",
    "Device",
    "Dtype",
    "Extent",
    "Format",
    "Json",
    "Like",
    "Method",
    "Model",
    "Ms",
    "Nodata",
    "Output",
    "Overlap",
    "Overwrite",
    "Pan",
    "PanBidx",
    "Precision",
    "Quiet",
    "Register",
    "RegisterLocal",
    "RpcDem",
    "Sampler",
    "Samples",
    "Seed",
    "Sensor",
    "SrcNodata",
    "Stats",
    "Steps",
    "Threads",
    "Tile",
    "Verbose",
]

_VERBOSITY = "ssdiff.verbosity"


def _louder(context: typer.Context, count: int) -> int:
    context.meta[_VERBOSITY] = console.adjust_verbosity(count, context.meta.get(_VERBOSITY, 0))
    return count


def _quieter(context: typer.Context, count: int) -> int:
    context.meta[_VERBOSITY] = console.adjust_verbosity(-count, context.meta.get(_VERBOSITY, 0))
    return count


# Both act through their callbacks; commands take them as parameters and need not read them.
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        is_eager=True,
        show_default=False,
        callback=_louder,
        help="Say more (-vv: all).",
    ),
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        is_eager=True,
        show_default=False,
        callback=_quieter,
        help="Say less; no bar.",
    ),
]

Pan = Annotated[
    str, typer.Argument(help="Panchromatic raster; anything GDAL opens.", show_default=False)
]
Ms = Annotated[
    str, typer.Argument(help="Multispectral raster of the same place.", show_default=False)
]
Output = Annotated[str, typer.Option("--output", "-o", help="File to write.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
Method = Annotated[
    str,
    typer.Option("--method", help="ssdiff, or a classical method: exp, brovey, gsa, mtf-glp-fs, …"),
]

# How a pair is to be understood: `commands.arguments.pair_options` makes a PairOptions of them.
Bidx = Annotated[
    str | None,
    typer.Option(
        "--bidx",
        "-b",
        metavar="N[,N…]",
        help="MS bands to fuse, from 1. (default: all)",
        show_default=False,
    ),
]
PanBidx = Annotated[
    int | None,
    typer.Option(
        "--pan-bidx", min=1, help="PAN band, from 1, where there are several.", show_default=False
    ),
]
Extent = Annotated[
    Literal["intersection", "pan"], typer.Option("--extent", help="Where there is output.")
]
Bbox = Annotated[
    str | None,
    typer.Option(
        "--bbox", metavar="XMIN,YMIN,XMAX,YMAX", help="Part of the scene.", show_default=False
    ),
]
BboxCrs = Annotated[
    str | None,
    typer.Option(
        "--bbox-crs", metavar="CRS", help="CRS of --bbox. (default: the PAN's)", show_default=False
    ),
]
Aoi = Annotated[
    str | None,
    typer.Option(
        "--aoi",
        metavar="FILE",
        help="Polygons (GeoJSON, WKT): outside is nodata.",
        show_default=False,
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="RASTER",
        help="Part of the scene that this raster covers.",
        show_default=False,
    ),
]
AssumeSameCrs = Annotated[
    bool, typer.Option("--assume-same-crs", help="A missing CRS is the other image's.")
]
RpcDem = Annotated[
    str | None,
    typer.Option(
        "--rpc-dem",
        metavar="RASTER",
        help="Elevation model for images that have only RPCs.",
        show_default=False,
    ),
]
SrcNodata = Annotated[
    str | None,
    typer.Option(
        "--src-nodata",
        metavar="PAN[,MS]",
        help="Nodata of the inputs, over what they say.",
        show_default=False,
    ),
]

Nodata = Annotated[
    str, typer.Option("--nodata", metavar="N|nan|none|inherit", help="Nodata of the output.")
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype", "-t", help="Data type of the output. (default: the MS's)", show_default=False
    ),
]
Format = Annotated[
    Literal["GTiff", "COG"], typer.Option("--format", "-f", help="Format of the output.")
]
CreationOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--co", metavar="NAME=VALUE", help="GDAL creation option; repeatable.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help="Model to use. (default: chosen for the scene)",
        show_default=False,
    ),
]
Sensor = Annotated[
    str | None,
    typer.Option(
        "--sensor",
        help="Sensor of the scene; its MTF counts. (default: generic)",
        show_default=False,
    ),
]
Register = Annotated[
    bool, typer.Option("--register", help="Find the shift between PAN and MS and correct it.")
]
RegisterLocal = Annotated[
    bool,
    typer.Option(
        "--register-local", help="As --register, with a shift that changes slowly over the scene."
    ),
]
Stats = Annotated[
    str | None,
    typer.Option(
        "--stats",
        metavar="FILE",
        help="Scene statistics to use, as `check --json` prints them.",
        show_default=False,
    ),
]
Consistency = Annotated[
    bool,
    typer.Option(
        "--consistency/--no-consistency",
        help="Make the result give the MS back through the MTF: for measurements; costs halos, ghosts of what moved, and grain.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps", min=1, help="Sampling steps. (default: the model's)", show_default=False
    ),
]
Sampler = Annotated[Literal["ddim", "dpmpp"], typer.Option("--sampler", help="Sampler.")]
Samples = Annotated[int, typer.Option("--samples", min=1, help="Samples averaged.")]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        min=16,
        help="Distance of tiles, PAN pixels. (default: the model's)",
        show_default=False,
    ),
]
Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        min=0,
        help="Overlap of tiles, PAN pixels. (default: the model's)",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]

Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps", help="Where the network runs.")
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option("--precision", help="Arithmetic of the network."),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", min=1, help="Tiles at once. (default: by memory)", show_default=False
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--num-threads", "-j", min=1, help="Processor threads. (default: all)", show_default=False
    ),
]
