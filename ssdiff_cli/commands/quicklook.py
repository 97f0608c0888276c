"""``ssdiff quicklook``: PAN, MS and result side by side."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json, Ms, Output, Overwrite, Pan
from ssdiff_cli.options.groups import PairFlags

__all__ = ["quicklook_command"]


@expand
def quicklook_command(
    pan: Pan,
    ms: Ms,
    result: Annotated[
        str, typer.Argument(metavar="RESULT", help="Sharpened image, or a part of it.")
    ],
    output: Output,
    *,
    overwrite: Overwrite = False,
    pair: PairFlags,
    json: Json = False,
) -> None:
    """Draw PAN, MS and result side by side as a PNG.

    Shows the middle of the scene, and its busiest place enlarged.
    """
    from ssdiff_cli.jobs.evaluate.quicklook import Quicklook

    picture = Quicklook(
        path=output, pan=pan, ms=ms, fused=result, pair=pair.parsed(), overwrite=overwrite
    )
    picture.check()
    picture.draw()
    console.answer({"output": output}, [output], as_json=json)
