"""``ssdiff models``: the shipped models, what one is, and the import of a released one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import Json, Output, Overwrite, Quiet, Verbose

if TYPE_CHECKING:
    from ssdiff_cli.jobs.models import ModelSummary

__all__ = ["app"]

app = typer.Typer(help="List, show and import models.")

HEADINGS = ("name", "bands", "ratio", "sensors", "parameters", "size")


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List, show and import models; without a sub-command, list."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models(*, as_json: Json = False, verbose: Verbose = 0, quiet: Quiet = 0) -> None:
    """List the models that come with ssdiff."""
    del verbose, quiet
    from ssdiff_cli.jobs.models import list_shipped

    shipped = list_shipped()
    if as_json:
        console.emit_json({"models": [asdict(summary) for summary in shipped]})
        return
    for line in _table([HEADINGS, *(_row(summary) for summary in shipped)]):
        console.result(line)


@app.command("show")
def show_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="Shipped model, or a .safetensors file.", show_default=False
        ),
    ],
    *,
    as_json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Show what a model is: its network, bands, radiometry, training and scores."""
    del verbose, quiet
    from ssdiff_cli.jobs.models import describe

    summary, header = describe(model)
    record = {
        "path": summary.path,
        "size_bytes": summary.size_bytes,
        "parameters": summary.parameters,
        **header,
    }
    if as_json:
        console.emit_json(record)
        return
    for line in _readable(record):
        console.result(line)


@app.command("import")
def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.pt",
            help="State dict that SSDiff's released code saved.",
            show_default=False,
        ),
    ],
    output: Output,
    *,
    sensor: Annotated[
        str | None,
        typer.Option(
            "--sensor",
            help="Sensor it was trained on: names the bands, gives full scale.",
            show_default=False,
        ),
    ] = None,
    full_scale: Annotated[
        float | None,
        typer.Option(
            "--full-scale",
            help="DN that training divided by (default: the sensor's, or 2047).",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Convert a model of SSDiff's released code into a .safetensors file; nothing but weights is read from it."""
    del verbose, quiet
    from ssdiff_cli.jobs.models import import_released
    from ssdiff_models.scene.sensors import get

    known = None if sensor is None else get(sensor)
    summary = import_released(
        source, Path(output), sensor=known, full_scale=full_scale, overwrite=overwrite
    )
    if as_json:
        console.emit_json({"output": output, **asdict(summary)})
    else:
        console.result(output)


def _row(summary: "ModelSummary") -> tuple[str, ...]:
    sensors = ", ".join(summary.sensors) or "-"
    size = f"{summary.size_bytes / 1e6:.1f} MB"
    return (
        summary.name,
        str(summary.bands),
        str(summary.ratio),
        sensors,
        f"{summary.parameters:,}",
        size,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _readable(record: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """Yields ``key: value`` lines; what lies inside a value is indented under its key."""
    for key, value in record.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _readable(value, indent + "  ")
        else:
            yield f"{indent}{key}: {_text(value)}"


def _text(value: object) -> str:
    if value is None or value in ([], {}, ""):
        return "-"
    return ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
