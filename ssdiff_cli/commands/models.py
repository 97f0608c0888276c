"""``ssdiff models``: the shipped models, what one is, and the import of a released one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json, Output, Overwrite
from ssdiff_cli.options.help_page import HelpPage

if TYPE_CHECKING:
    from ssdiff_cli.jobs.models import ModelSummary

__all__ = ["app"]

app = typer.Typer(help="List, show and import models.")

_HEADINGS = ("name", "bands", "ratio", "sensors", "parameters", "size")


@app.callback(invoke_without_command=True)
def models_command(context: typer.Context) -> None:
    """List, show and import models; without a sub-command, list."""
    if context.invoked_subcommand is None:
        _print_list(as_json=False)


@app.command("list", cls=HelpPage, epilog="ssdiff models list")
@expand
def list_command(*, json: Json = False) -> None:
    """List the models that come with ssdiff."""
    _print_list(as_json=json)


def _print_list(*, as_json: bool) -> None:
    from ssdiff_cli.jobs.models import list_shipped

    shipped = list_shipped()
    record = {"models": [asdict(summary) for summary in shipped]}
    console.answer(record, _table([_HEADINGS, *map(_row, shipped)]), as_json=as_json)


@app.command("show", cls=HelpPage, epilog="ssdiff models show bgrn")
@expand
def show_command(
    model: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="Shipped model, or a .safetensors file.")
    ],
    *,
    json: Json = False,
) -> None:
    """Show what a model is and how it was trained."""
    from ssdiff_cli.jobs.models import describe

    summary, header = describe(model)
    file = {"path": summary.path, "size_bytes": summary.size_bytes}
    record = file | {"parameters": summary.parameters} | header
    console.answer(record, _readable(record), as_json=json)


@app.command(
    "import", cls=HelpPage, epilog="ssdiff models import wv3.pt -o wv3.safetensors --sensor wv3"
)
@expand
def import_command(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE.pt", help="State dict that SSDiff's released code saved."),
    ],
    output: Output,
    *,
    overwrite: Overwrite = False,
    json: Json = False,
    sensor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Sensor of its training: names bands, gives full scale."),
    ] = None,
    full_scale: Annotated[
        float | None,
        typer.Option(
            metavar="DN", help="DN that training divided by. (default: the sensor's, or 2047)"
        ),
    ] = None,
) -> None:
    """Convert a model of SSDiff's released code.

    Nothing but weights is read from it.
    """
    from ssdiff_cli.jobs.models import import_released
    from ssdiff_models.scene.sensors import get

    known = None if sensor is None else get(sensor)
    summary = import_released(
        source, Path(output), sensor=known, full_scale=full_scale, overwrite=overwrite
    )
    console.answer({"output": output, **asdict(summary)}, [output], as_json=json)


def _row(summary: "ModelSummary") -> tuple[str, ...]:
    return (
        summary.name,
        str(summary.bands),
        str(summary.ratio),
        ", ".join(summary.sensors) or "-",
        f"{summary.parameters:,}",
        f"{summary.size_bytes / 1e6:.1f} MB",
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _readable(record: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """Yields ``key: value`` lines; a value's own keys are indented under its key."""
    for key, value in record.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _readable(value, indent + "  ")
        else:
            yield f"{indent}{key}: {_text(value)}"


def _text(value: object) -> str:
    if value is None or value in ([], {}, ""):
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
