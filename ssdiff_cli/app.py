"""The command ``ssdiff``: its commands, and the one place where errors become exit codes."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ssdiff_cli import console
from ssdiff_cli.commands import models
from ssdiff_cli.commands.adapt import adapt_command
from ssdiff_cli.commands.batch import batch_command
from ssdiff_cli.commands.check import check_command
from ssdiff_cli.commands.eval import eval_command
from ssdiff_cli.commands.lists import methods_command, sensors_command
from ssdiff_cli.commands.merge import merge_command
from ssdiff_cli.commands.quicklook import quicklook_command
from ssdiff_cli.commands.sharpen import sharpen_command
from ssdiff_cli.commands.simulate import simulate_command
from ssdiff_cli.commands.train import train_command
from ssdiff_cli.commands.versions import versions
from ssdiff_cli.exit_codes import explain
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Config
from ssdiff_cli.options.help_page import HelpPage
from ssdiff_models import __version__
from ssdiff_models.errors import ThresholdError

__all__ = ["ErrorGroup", "app", "main"]

_INTERRUPTED = 130
GARBAGE = 10_000
"""Objects between two collections: imports make hundreds of thousands that live on."""


class ErrorGroup(TyperGroup):
    """The root command: an error is one line on stderr and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 (the signature is Typer's)
        """Runs the command line and exits with its code."""
        extra["standalone_mode"] = False
        message = ""
        answered = False
        try:
            with console.collected_warnings() as warnings:
                code = super().main(*args, **extra)
        except Exception as error:  # noqa: BLE001 (an error of any kind is explained)
            code, message = explain(error)
            console.fail(message, error)
            answered = isinstance(error, ThresholdError)  # after its result
        if code == _INTERRUPTED:  # Typer turns a KeyboardInterrupt into this code without a word
            message = "interrupted"
            console.fail(message)
        if message and not answered and "--json" in _words(args, extra):
            record = {"ok": False, "error": message, "exit_code": code, "warnings": warnings}
            console.emit_json(record)
        sys.exit(code if isinstance(code, int) else 0)


def _words(args: Sequence[Any], extra: Mapping[str, Any]) -> Sequence[str]:
    """Returns the words of the command line."""
    given = extra.get("args") or next(iter(args), None)
    return sys.argv[1:] if given is None else given


app = typer.Typer(
    cls=ErrorGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:  # noqa: FBT001 (Typer's callbacks are called this way)
    if value:
        console.result(f"ssdiff {__version__}")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


def _print_versions(value: bool) -> None:  # noqa: FBT001 (Typer's callbacks are called this way)
    if value:
        for name, version in versions().items():
            console.result(f"{name:9} {version}")
        raise typer.Exit


_Versions = Annotated[
    bool,
    typer.Option(
        "--show-versions",
        callback=_print_versions,
        is_eager=True,
        help="Print the versions of everything that counts.",
    ),
]


@app.callback(invoke_without_command=True)
@expand
def root(
    context: typer.Context,
    *,
    version: _Version = False,
    show_versions: _Versions = False,
    config: Config = None,
) -> None:
    """Fuse a sharp panchromatic and a coarse multispectral image into one GeoTIFF."""
    del version, show_versions, config  # act through their callbacks
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def _add(command: Callable[..., None], name: str, example: str) -> None:
    app.command(name, cls=HelpPage, epilog=f"ssdiff {name} {example}")(command)


_add(sharpen_command, "sharpen", "pan.tif ms.tif -o sharp.tif --sensor qb")
_add(check_command, "check", "pan.tif ms.tif --json")
_add(batch_command, "batch", "pairs.csv --sensor ge1 > results.jsonl")
_add(merge_command, "merge", "sharp.shard1of2.tif sharp.shard2of2.tif -o sharp.tif")
_add(simulate_command, "simulate", "scene --sensor wv3 --size 1024 --seed 7")
_add(quicklook_command, "quicklook", "pan.tif ms.tif sharp.tif -o sharp.png")
_add(eval_command, "eval", "--full-res pan.tif ms.tif --fused sharp.tif --csv scores.csv")
app.add_typer(models.app, name="models")
_add(sensors_command, "sensors", "--json")
_add(methods_command, "methods", "--json")
_add(train_command, "train", "pairs -o mine.safetensors --steps 12000")
_add(adapt_command, "adapt", "pan.tif ms.tif -o scene.safetensors --sensor wv2")


def main() -> None:
    """Runs the command line of this process."""
    for name in ("stdout", "stderr"):
        # Python has no stream that the caller closed (`>&-`), and a file would get its number.
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        # A name that the terminal's encoding lacks is written with escapes.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    logging.captureWarnings(capture=True)
    gc.set_threshold(GARBAGE)
    try:
        app(prog_name="ssdiff")
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            # All files are closed; a thread amid a tile may crash an interpreter that shuts down.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_INTERRUPTED)
        raise
