"""``ssdiff merge``: the shards of one output, joined."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json, Output, Overwrite, Threads

__all__ = ["merge_command"]


@expand
def merge_command(
    shards: Annotated[
        list[str],
        typer.Argument(metavar="SHARD…", help="All files that sharpen --shard made."),
    ],
    output: Output,
    *,
    overwrite: Overwrite = False,
    num_threads: Threads = None,
    json: Json = False,
) -> None:
    """Join the shards of one output.

    The result is the file that a single run would have written.
    """
    from ssdiff_cli.device import processor_threads
    from ssdiff_cli.rasters.gdal import raster_env
    from ssdiff_cli.rasters.writing.merge import merge_shards
    from ssdiff_cli.rasters.writing.output_extension import check_extension

    check_extension(output)
    with raster_env(), console.tile_progress("merging") as progress:
        merge_shards(
            shards,
            output,
            overwrite=overwrite,
            num_threads=num_threads or processor_threads(),
            progress=lambda done, total: progress(done, total, 0),
        )
    console.answer({"output": output, "shards": len(shards)}, [output], as_json=json)
