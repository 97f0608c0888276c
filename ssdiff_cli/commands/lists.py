"""``ssdiff sensors`` and ``ssdiff methods``: what ``--sensor`` and ``--method`` take."""

from collections.abc import Iterator, Mapping, Sequence

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json
from ssdiff_cli.options.names import method_table

__all__ = ["methods_command", "sensors_command"]


@expand
def sensors_command(*, json: Json = False) -> None:
    """List the instruments that --sensor knows."""
    from ssdiff_models.scene.sensors import SENSORS

    records = [
        {
            "name": sensor.name,
            "title": sensor.title,
            "aliases": sensor.aliases,
            "ratio": sensor.ratio,
            "pan_gsd": sensor.pan_gsd,
            "bands": sensor.bands,
            "ms_gains": sensor.ms_gains,
            "pan_gain": sensor.pan_gain,
            "full_scale": sensor.full_scale,
        }
        for sensor in SENSORS
    ]
    rows = [
        (one.name, one.title, f"{one.pan_gsd:g} m", str(one.ratio), ",".join(one.bands))
        for one in SENSORS
    ]
    lines = _columns(("name", "sensor", "PAN", "ratio", "bands"), rows)
    console.answer({"sensors": records}, lines, as_json=json)


@expand
def methods_command(*, json: Json = False) -> None:
    """List the methods that --method knows."""
    records = [{"name": name, **entry} for name, entry in method_table().items()]
    rows = [_method_row(record) for record in records]
    lines = _columns(("name", "family", "MP/s a core", "reference"), rows)
    console.answer({"methods": records}, lines, as_json=json)


def _method_row(record: Mapping[str, object]) -> tuple[str, ...]:
    keys = ("name", "family", "speed", "reference")
    return tuple(str(record[key]) for key in keys)


def _columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields lines of cells below each other; the last one may be of any width."""
    table = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
