"""``ssdiff merge``: the shards of one output, joined."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import Json, Output, Overwrite, Quiet, Threads, Verbose

__all__ = ["merge"]


def merge(
    shards: Annotated[
        list[str],
        typer.Argument(
            help="The files that sharpen --shard made, all of them.", show_default=False
        ),
    ],
    output: Output,
    *,
    overwrite: Overwrite = False,
    num_threads: Threads = None,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Join the shards of an output into the file that one run would have written."""
    del verbose, quiet  # they act through their callbacks
    from ssdiff_cli.device import processor_threads
    from ssdiff_cli.rasters.gdal import raster_env
    from ssdiff_cli.rasters.writing.merge import merge_shards

    with raster_env(num_threads=1), console.tile_progress("merging") as progress:
        merge_shards(
            shards,
            output,
            overwrite=overwrite,
            num_threads=num_threads or processor_threads(),
            progress=lambda done, total: progress(done, total, 0),
        )
    if json:
        console.emit_json({"output": output, "shards": len(shards)})
    else:
        console.result(output)
