"""Many pairs one after another: a list of them, and one outcome each, whatever becomes of the others."""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ssdiff_cli.jobs.sharpen.job import SharpenJob, SharpenReport
from ssdiff_cli.jobs.sharpen.loaded_models import LoadedModels
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.progress import Progress
from ssdiff_cli.rasters.gdal import open_raster, raster_env
from ssdiff_cli.rasters.writing.output_path import refuse_existing
from ssdiff_models.errors import InputError

__all__ = ["OVERRIDES", "Outcome", "attempt", "read_jobs"]

OVERRIDES = (
    "method",
    "model",
    "sensor",
    "steps",
    "samples",
    "seed",
    "dtype",
    "stats",
    "uncertainty",
)
"""What an entry may set for its pair alone, as the options of the same names."""
_NEEDED = ("pan", "ms", "out")
_NUMBERS = ("steps", "samples", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one pair."""

    status: Literal["done", "skipped", "failed"]
    report: SharpenReport | None = None
    error: Exception | None = None


def read_jobs(text: str, what: str, base: SharpenJob) -> list[SharpenJob]:
    """Returns the jobs of a list: CSV with a header line, or one JSON object a line.

    Args:
        text: The list.
        what: What messages call it.
        base: The job that every entry changes.

    Raises:
        InputError: When the list cannot be understood; the message names the line.
    """
    text = text.removeprefix("\ufeff")
    entries = list(
        _json_lines(text, what) if text.lstrip().startswith("{") else _csv_lines(text, what)
    )
    if not entries:
        raise InputError(
            f"{what}: lists no pair: give CSV with the header pan,ms,out, or a JSON object a line"
        )
    jobs = [_job(entry, f"{what}, line {line}", base) for line, entry in entries]
    _refuse_repeats(jobs, what)
    return jobs


def _json_lines(text: str, what: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise InputError(
                f"{what}, line {number}: not JSON ({error}): give one object a line"
            ) from error
        if not isinstance(entry, dict):
            raise InputError(
                f"{what}, line {number}: {type(entry).__name__} instead of an object with pan, ms and out"
            )
        yield number, entry


def _csv_lines(text: str, what: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    begun = text.lstrip()
    blank = text[: len(text) - len(begun)].count("\n")
    reader = csv.DictReader(io.StringIO(begun), skipinitialspace=True)
    for entry in reader:
        line = blank + reader.line_num
        if None in entry or None in entry.values():
            raise InputError(
                f"{what}, line {line}: not as many cells as the header has: {reader.fieldnames}"
            )
        yield line, {name.strip(): cell.strip() for name, cell in entry.items()}


def _job(entry: Mapping[str, Any], what: str, base: SharpenJob) -> SharpenJob:
    given = {name: value for name, value in entry.items() if value not in ("", None)}
    missing = [name for name in _NEEDED if name not in given]
    unknown = [name for name in given if name not in (*_NEEDED, *OVERRIDES)]
    if missing:
        raise InputError(
            f"{what}: has no {' and no '.join(missing)}: every entry needs pan, ms and out"
        )
    if unknown:
        raise InputError(
            f"{what}: {unknown[0]!r} is no known field: known are {', '.join((*_NEEDED, *OVERRIDES))}"
        )
    texts = {
        name: _text(value, name, what) for name, value in given.items() if name not in _NUMBERS
    }
    numbers = {
        name: _number(value, name, what) for name, value in given.items() if name in _NUMBERS
    }
    fusion = replace(
        base.fusion,
        steps=numbers.get("steps", base.fusion.steps),
        samples=numbers.get("samples", base.fusion.samples),
        seed=numbers.get("seed", base.fusion.seed),
    )
    return replace(
        base,
        pan=texts["pan"],
        ms=texts["ms"],
        output=texts["out"],
        method=texts.get("method", base.method).lower(),
        sink=replace(base.sink, dtype=texts.get("dtype", base.sink.dtype)),
        model=texts.get("model", base.model),
        sensor=texts.get("sensor", base.sensor),
        statistics=texts.get("stats"),
        uncertainty=texts.get("uncertainty"),
        fusion=fusion,
    )


def _text(value: object, name: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what}: {name} is {value!r}: give a text")
    return value


def _number(value: object, name: str, what: str) -> int:
    try:
        number = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        number = -1
    if number < (name != "seed"):
        raise InputError(
            f"{what}: {name} is {value!r}: give a whole number from {int(name != 'seed')}"
        )
    return number


def _refuse_repeats(jobs: Sequence[SharpenJob], what: str) -> None:
    seen: set[str] = set()
    for path in (
        path for job in jobs for path in (job.output, job.uncertainty) if path is not None
    ):
        place = os.path.realpath(path)
        if place in seen:
            raise InputError(
                f"{what}: {path} is written twice: give every pair an output of its own"
            )
        seen.add(place)


def attempt(job: SharpenJob, progress: Progress, models: LoadedModels) -> Outcome:
    """Makes one output, unless it is there already; whatever goes wrong becomes part of the outcome."""
    try:
        if not job.sink.overwrite and _is_finished(job):
            return Outcome(status="skipped")
        return Outcome(status="done", report=sharpen(job, progress, models))
    except Exception as error:  # noqa: BLE001 - the other pairs go on; the caller reports it
        return Outcome(status="failed", error=error)


def _is_finished(job: SharpenJob) -> bool:
    """Tells whether all that the job makes is there; outputs get their names when they are complete, never before.

    Raises:
        UsageError: When something else is there.
    """
    wanted = [path for path in (job.output, job.uncertainty) if path is not None]
    there = [path for path in wanted if Path(path).exists()]
    for path in there:
        if not _is_ours(path):
            refuse_existing(path, "but is no finished output of ssdiff")
    return there == wanted


def _is_ours(path: str) -> bool:
    try:
        with raster_env(), open_raster(path) as dataset:
            return bool(dataset.tags(ns="SSDIFF"))
    except InputError:
        return False
