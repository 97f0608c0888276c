"""Many pairs one after another: the list of them, and one outcome for each."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ssdiff_cli.jobs.sharpen.job import SharpenJob, SharpenPlan, SharpenReport
from ssdiff_cli.jobs.sharpen.model_choice import LoadModel
from ssdiff_cli.jobs.sharpen.run import plan, sharpen
from ssdiff_cli.progress import Progress
from ssdiff_cli.rasters.gdal import open_raster, raster_env
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.journal import remove_leftovers
from ssdiff_cli.rasters.writing.output_path import refuse_existing
from ssdiff_models.documents import parsed_json
from ssdiff_models.errors import InputError
from ssdiff_models.files import working_files
from ssdiff_models.scene.sensors import AUTO

__all__ = ["Outcome", "attempt", "foreseen", "read_jobs"]

NEEDED = ("pan", "ms", "out")
NUMBERS = {"steps": 1, "samples": 1, "seed": 0}
"""Fields with a whole number, and its least value."""
RENAMED = {"out": "output", "stats": "statistics"}
"""Fields that have another name in the job."""
IN_PAIR: Mapping[str, Callable[[Any], Any]] = {"bidx": int, "bbox": float, "band_names": str}
"""Fields of the pair, each a text with commas or a list, and the type of its parts."""
EXAMPLES = {"bidx": "3,2,1", "bbox": "xmin,ymin,xmax,ymax", "band_names": "red,green,blue"}
FIELDS = (
    *(*NEEDED, "method", "model", "sensor", *NUMBERS, "dtype", "stats", "uncertainty"),
    *(*IN_PAIR, "register", "quicklook"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result for one pair."""

    status: Literal["done", "skipped", "failed", "planned"]
    report: SharpenReport | SharpenPlan | None = None
    error: Exception | None = None


def read_jobs(text: str, what: str, base: SharpenJob) -> list[SharpenJob]:
    """Returns the jobs of a list: CSV with a header line, or one JSON object a line.

    Args:
        text: The list.
        what: The list's name in messages.
        base: The job that every entry changes.

    Raises:
        InputError: When the list cannot be understood; the message names the line.
    """
    text = text.removeprefix("\ufeff")
    is_json = text.lstrip().startswith("{")
    lines = _json_lines(text, what) if is_json else _csv_lines(text, what)
    jobs = [_job(entry, f"{what}, line {line}", base) for line, entry in list(lines)]
    if not jobs:
        raise InputError(
            f"{what}: lists no pair: give CSV with the header pan,ms,out, or a JSON object a line"
        )
    _refuse_repeats(jobs, what)
    others = (what, *(name for job in jobs for name in job.files))
    return [replace(job, others=others) for job in jobs]


def _json_lines(text: str, what: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{what}, line {number}"
        try:
            entry = parsed_json(line)
        except ValueError as error:
            raise InputError(f"{place}: not JSON ({error}): give one object a line") from error
        if not isinstance(entry, dict):
            kind = type(entry).__name__
            raise InputError(f"{place}: {kind} instead of an object with pan, ms and out")
        yield number, entry


def _csv_lines(text: str, what: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    table = text.lstrip()
    blank_lines = text[: len(text) - len(table)].count("\n")
    header = table.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)  # spreadsheets write ; or tabs in some countries
    reader = csv.DictReader(io.StringIO(table), delimiter=delimiter, skipinitialspace=True)
    for entry in _rows(reader, what):
        line = blank_lines + reader.line_num
        if None in entry or None in entry.values():
            raise InputError(
                f"{what}, line {line}: not as many cells as the header has: {reader.fieldnames}"
            )
        yield line, {name.strip(): cell.strip() for name, cell in entry.items()}


def _rows(reader: "csv.DictReader[str]", what: str) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(f"{what}, line {reader.line_num}: not CSV ({error})") from error


def _job(entry: Mapping[str, Any], what: str, base: SharpenJob) -> SharpenJob:
    values = {name: value for name, value in entry.items() if value not in ("", None)}
    missing = [name for name in NEEDED if name not in values]
    if missing:
        names = " and no ".join(missing)
        raise InputError(f"{what}: has no {names}: every entry needs pan, ms and out")
    for name in values:
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            raise InputError(f"{what}: {name!r} is no known field: known are {known}")
    pair = _pair(values, what, base.pair)
    if isinstance(values["ms"], list):
        values["ms"] = values["ms"][0]
    texts: dict[str, Any] = {
        RENAMED.get(name, name): _text(values[name], name, what)
        for name in values
        if name not in {*NUMBERS, *IN_PAIR}
    }
    if texts.get("register", "no") not in {"no", "global", "local"}:
        raise InputError(f"{what}: register is {texts['register']!r}: give no, global or local")
    if texts.get("sensor") == AUTO:
        texts["sensor"] = None
    numbers: dict[str, Any] = {
        name: _number(values[name], name, what) for name in values if name in NUMBERS
    }
    sink = replace(base.sink, dtype=texts.pop("dtype", base.sink.dtype))
    method = texts.pop("method", base.method).lower()
    fusion = replace(base.fusion, **numbers)
    return replace(base, method=method, sink=sink, fusion=fusion, pair=pair, **texts)


def _pair(values: Mapping[str, Any], what: str, base: PairOptions) -> PairOptions:
    """Returns how an entry's pair is read; its MS may be a list of files."""
    changes: dict[str, Any] = {}
    if isinstance(values["ms"], list):
        first, *more = values["ms"] or [None]
        changes["more_ms"] = tuple(_text(entry, "ms", what) for entry in (first, *more))[1:]
    for name, kind in IN_PAIR.items():
        if name in values:
            parts = values[name]
            parts = parts.split(",") if isinstance(parts, str) else parts
            try:
                changes[name] = tuple(kind(part) for part in parts)
            except (TypeError, ValueError):
                given = values[name]
                raise InputError(
                    f"{what}: {name} is {given!r}: give a list, such as {EXAMPLES[name]}"
                ) from None
    if len(changes.get("bbox", range(4))) != 4:
        raise InputError(f"{what}: bbox needs four numbers, such as {EXAMPLES['bbox']}")
    return replace(base, **changes)


def _text(value: object, name: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what}: {name} is {value!r}: give a text")
    return value


def _number(value: object, name: str, what: str) -> int:
    least = NUMBERS[name]
    try:
        number = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        number = -1
    if number < least:
        raise InputError(f"{what}: {name} is {value!r}: give a whole number from {least}")
    return number


def _refuse_repeats(jobs: Sequence[SharpenJob], what: str) -> None:
    outputs = [path for job in jobs for path in job.outputs]
    working = {_real(str(name)) for path in outputs for name in working_files(path)}
    seen: set[str] = set()
    for path in outputs:
        real = _real(path)
        if real in seen | working:
            how = "written twice" if real in seen else "also a working file of another output"
            raise InputError(f"{what}: {path} is {how}: give every pair an output of its own")
        seen.add(real)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path  # no file can have this name: its own attempt fails


def _check_names(job: SharpenJob) -> None:
    """Refuses names that JSON can spell and no file can have."""
    for path in (job.pan, job.ms, *job.outputs):
        impossible = True
        with suppress(UnicodeEncodeError):
            impossible = b"\0" in os.fsencode(path)
        if impossible:
            raise InputError(f"{path!r}: no file can have this name: correct the list")


def foreseen(job: SharpenJob) -> Outcome:
    """Returns what a run would make of a pair; an error becomes part of the outcome."""
    try:
        _check_names(job)
        if not job.sink.overwrite and _is_finished(job):
            return Outcome(status="skipped")
        return Outcome(status="planned", report=plan(job))
    except Exception as error:  # noqa: BLE001 - the other pairs go on; the caller reports it
        return Outcome(status="failed", error=error)


def attempt(job: SharpenJob, progress: Progress, load: LoadModel) -> Outcome:
    """Makes one output unless it exists; an error becomes part of the outcome."""
    try:
        _check_names(job)
        if not job.sink.overwrite and _is_finished(job):
            for path in job.outputs:
                remove_leftovers(path)
            return Outcome(status="skipped")
        return Outcome(status="done", report=sharpen(job, progress, load))
    except Exception as error:  # noqa: BLE001 - the other pairs go on; the caller reports it
        return Outcome(status="failed", error=error)


def _is_finished(job: SharpenJob) -> bool:
    """Whether all outputs exist, which have their names once complete; refuses other files."""
    existing = [path for path in job.outputs if Path(path).exists()]
    for path in existing:
        if not _is_ours(path):
            refuse_existing(path, "but is no finished output of ssdiff")
    return len(existing) == len(job.outputs)


def _is_ours(path: str) -> bool:
    try:
        with raster_env(), open_raster(path) as dataset:
            return bool(dataset.tags(ns="SSDIFF"))
    except InputError:
        return False
