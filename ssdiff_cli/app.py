"""The command ``ssdiff``: its commands, and the one place where errors become exit codes."""

import errno
import logging
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ssdiff_cli import console
from ssdiff_cli.commands import eval, models, sharpen, simulate, train
from ssdiff_cli.options import Quiet, Verbose
from ssdiff_models import __version__
from ssdiff_models.errors import SsdiffError

__all__ = ["ErrorGroup", "app", "main"]

BUG, USAGE, RESOURCES, INTERRUPTED = 1, 2, 5, 130


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


def explain(error: BaseException) -> tuple[int, str]:
    """Returns the exit code of `error` and the line a user reads."""
    if isinstance(error, SsdiffError):
        return error.exit_code, str(error)
    if isinstance(error, typer.Abort):
        return USAGE, "stopped: no answer to a question"
    if hasattr(error, "format_message"):
        return USAGE, _usage(error)
    if _is_out_of_memory(error):
        return RESOURCES, f"out of memory: choose a smaller --batch-size or --tile, or --device cpu ({_summary(error)})"
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RESOURCES, f"the disk is full{_at(error)}: free some space, or write to another folder"
    advice = "please report it together with what the same command says with -vv"
    return BUG, f"this is a bug in ssdiff ({_summary(error)}): {advice}"


def _usage(error: Any) -> str:  # noqa: ANN401 (Typer exports no base class of its usage errors)
    context = getattr(error, "ctx", None)
    hint = f" Try '{context.command_path} --help'." if context else ""
    return f"{error.format_message().rstrip('.')}.{hint}"


def _summary(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _at(error: OSError) -> str:
    return f" at {error.filename}" if error.filename else ""


def _is_out_of_memory(error: BaseException) -> bool:
    # Without importing torch: if it raised, it is there. On a CPU it raises a plain RuntimeError.
    names = {base.__name__ for base in type(error).__mro__}
    texts = ("DefaultCPUAllocator: ", "CUDA out of memory", "CUDA error: out of memory")
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    )


app = typer.Typer(cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"]}, pretty_exceptions_enable=False)
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
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Fuse a sharp panchromatic and a coarse multispectral image into one sharp multispectral GeoTIFF."""
    del version, verbose, quiet  # they act through their callbacks
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


app.command("eval")(eval.evaluate)
app.command("sharpen")(sharpen.sharpen)
app.command("simulate")(simulate.simulate)
app.command("train")(train.train)


def main() -> None:
    """Runs ``ssdiff`` as the process that it is."""
    logging.captureWarnings(capture=True)
    app(prog_name="ssdiff")
