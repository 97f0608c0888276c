"""``ssdiff check``: what a run would make of a pair, before it runs."""

from ssdiff_cli import console
from ssdiff_cli.commands.check_text import check_lines
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json, MsFiles, Pan, Stats
from ssdiff_cli.options.groups import (
    FusionFlags,
    InferenceFlags,
    MethodFlags,
    SceneFlags,
    sharpen_job,
)

__all__ = ["check_command"]


@expand
def check_command(
    pan: Pan,
    ms: MsFiles = None,
    *,
    pair: SceneFlags,
    method: MethodFlags,
    fusion: FusionFlags,
    stats: Stats = None,
    device: InferenceFlags,
    json: Json = False,
) -> None:
    """Look at a pair before it is sharpened.

    Shows overlap, grids, shift, values, the model, and the time and memory that a run needs. It
    refuses what sharpen would refuse (pair, model or settings), in the same words, but always with
    exit code 3.
    """
    from ssdiff_cli.jobs.sharpen.check import check

    files = {"output": "", "statistics": stats}
    job = sharpen_job(pair, method, fusion, device, pan=pan, ms=ms, **files)
    with console.collected_warnings() as warnings:
        report = check(job)
    console.answer(report.record() | {"warnings": warnings}, check_lines(report), as_json=json)
