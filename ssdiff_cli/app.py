"""The command ``ssdiff``: its commands, and the one place where errors become exit codes."""

import logging
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ssdiff_cli import console
from ssdiff_cli.commands import adapt, batch, check, eval, merge, models, sharpen, simulate, train  # noqa: A004 - the command's name
from ssdiff_cli.exit_codes import explain
from ssdiff_cli.options.flags import Quiet, Verbose
from ssdiff_models import __version__

__all__ = ["ErrorGroup", "app", "main"]

INTERRUPTED = 130


class ErrorGroup(TyperGroup):
    """The root command; whatever a command raises ends here as one line on stderr and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 (the signature belongs to Typer)
        """Runs the command line and leaves with its exit code."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except Exception as error:  # noqa: BLE001 (nothing may leave a traceback behind)
            code, message = explain(error)
            console.fail(message, error)
        if code == INTERRUPTED:  # Typer turns a KeyboardInterrupt into this code without a word
            console.fail("interrupted")
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    cls=ErrorGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(models.app, name="models")


def _print_version(value: bool) -> None:  # noqa: FBT001 (Typer's callbacks are called this way)
    if value:
        console.result(f"ssdiff {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Fuse a sharp panchromatic and a coarse multispectral image into one sharp multispectral GeoTIFF."""
    del version, verbose, quiet  # they act through their callbacks
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


app.command("adapt")(adapt.adapt)
app.command("batch")(batch.batch)
app.command("check")(check.check)
app.command("eval")(eval.evaluate)
app.command("merge")(merge.merge)
app.command("sharpen")(sharpen.sharpen)
app.command("simulate")(simulate.simulate)
app.command("train")(train.train)


def main() -> None:
    """Runs ``ssdiff`` as the process that it is."""
    _replace_closed_streams()
    logging.captureWarnings(capture=True)
    try:
        app(prog_name="ssdiff")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # Everything is closed and tidied up; threads in the middle of a tile may crash an interpreter that shuts down around them.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def _replace_closed_streams() -> None:
    """Drops what goes to a stream that the caller closed (``>&-``): Python has none there, and files would get its number."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
