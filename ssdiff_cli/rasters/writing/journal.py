"""The journal beside an unfinished output: what it is made from, and how much is done."""

import json
import logging
import os
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ssdiff_cli.rasters.writing.run_key import RunKey
from ssdiff_cli.rasters.writing.tile_file import TileFile
from ssdiff_models.errors import UsageError
from ssdiff_models.files import JOURNAL, PART, atomic, sweep
from ssdiff_models.locks import held, read_own, remove_quietly

__all__ = ["SYNC_SECONDS", "Journal", "current_boot", "recorded_setting", "remove_leftovers"]

SYNC_SECONDS = 30.0
"""Work that a crash of the machine may cost."""

VERSION = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What a journal of any version says."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record(_Version):
    """What a journal of this version says."""

    template: str
    settings: Mapping[str, str]
    total: int
    """Tile rows of the complete file."""
    sums: tuple[int, ...]
    """Checksums of the tile rows that are done."""
    safe: int
    """How many of them are on the disk, whatever happens to the machine."""
    boot: str | None
    checksum: int = 0
    """That of all the rest."""

    def sealed(self) -> "_Record":
        text = json.dumps(asdict(replace(self, checksum=0)), sort_keys=True)
        return replace(self, checksum=zlib.crc32(text.encode()))


class Journal:
    """Progress of one run."""

    def __init__(self, output: str, key: RunKey) -> None:
        """Takes the output's final name and what it is made from."""
        self._output = output
        self._part = Path(f"{output}{PART}")
        self._path = Path(f"{output}{JOURNAL}")
        self._key = key
        self._boot = current_boot()
        self._safe = 0
        self._synced = time.monotonic()

    @property
    def digest(self) -> str:
        """One hash of what the output is made from."""
        return self._key.digest

    def begin(self, store: TileFile, *, restart: bool) -> None:
        """Goes on with an unfinished file behind its last good row, or starts it.

        Args:
            store: The file, open for this process alone.
            restart: Whether what cannot be continued is thrown away instead of refused.

        Raises:
            UsageError: When file or journal are not ours, or damaged, or of other inputs, settings
                or versions.
        """
        try:
            record = self._continued(store)
        except UsageError:
            if not restart:
                raise
            record = None
        if record is None:
            self.record(store)
            store.start()
            return
        # After another start of the machine, only synchronised rows count.
        is_same_boot = self._boot is not None and record.boot == self._boot
        sums = record.sums if is_same_boot else record.sums[: record.safe]
        store.resume(sums)
        if store.rows_done < len(sums):
            row = store.tile_rows[store.rows_done]
            _log.warning("%s: damaged in tile row %d: made again from there", self._part, row)
        # The earlier run's rows may not be on the disk yet.
        self._synced = float("-inf")
        self.record(store)

    def _continued(self, store: TileFile) -> _Record | None:
        """Returns what the journal says of an unfinished file; None where nothing is there."""
        remedy = (
            f"delete {self._part.name} and {self._path.name}, or pass --overwrite, to start over"
        )
        try:
            record = _read(self._path)
        except ValueError as error:
            raise UsageError(f"{self._path}: {error}: {remedy}") from error
        if store.is_empty:
            return None
        if record is None:
            raise UsageError(f"{self._part}: exists and is no unfinished run of ssdiff: {remedy}")
        before = RunKey(template=record.template, settings=record.settings)
        changed = before.differences(self._key)
        if changed:
            raise UsageError(
                f"{self._output}: an unfinished run with other settings ({', '.join(changed)}) is "
                f"here: repeat that one to continue it, or {remedy}"
            )
        if not store.has_head():
            raise UsageError(
                f"{self._part}: is damaged, or not what {self._path.name} tells of: {remedy}"
            )
        return record

    def record(self, store: TileFile) -> None:
        """Notes the whole tile rows of the unfinished file."""
        if self._boot is None or time.monotonic() - self._synced >= SYNC_SECONDS:
            store.sync()
            self._safe = store.rows_done
            self._synced = time.monotonic()
        record = _Record(
            version=VERSION,
            template=self._key.template,
            settings=dict(self._key.settings),
            total=len(store.tile_rows),
            sums=tuple(store.sums),
            safe=self._safe,
            boot=self._boot,
        )
        text = json.dumps(asdict(record.sealed()))
        with atomic(self._path) as fresh:
            fresh.write_text(text + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Ends the journal."""
        remove_quietly(self._path)


def _read(path: Path) -> _Record | None:
    """Returns a journal; None where there is none.

    Raises:
        ValueError: When the file is no journal of ours, or a damaged one.
    """
    try:
        data = read_own(path)
    except FileNotFoundError:
        return None
    if data == b"":
        return None
    try:
        version = TypeAdapter(_Version).validate_json(data or b"", strict=True).version
        if version != VERSION:
            raise ValueError("is of another version of ssdiff")
        record = TypeAdapter(_Record).validate_json(data or b"", strict=True)
    except ValidationError as error:
        raise ValueError("is no journal of ssdiff, or a damaged one") from error
    is_possible = 0 <= record.safe <= len(record.sums) <= record.total
    if record != record.sealed() or not is_possible:
        raise ValueError("is a damaged journal")
    return record


def recorded_setting(output: str, name: str) -> str | None:
    """Returns a setting of the unfinished run that an output has; None where there is none."""
    with suppress(ValueError):
        record = _read(Path(f"{output}{JOURNAL}"))
        if record is not None and Path(f"{output}{PART}").exists():
            return record.settings.get(name)
    return None


def remove_leftovers(output: str) -> None:
    """Removes what a run left beside its output that was killed after the output had its name."""
    sweep(output)
    journal = Path(f"{output}{JOURNAL}")
    with suppress(ValueError, UsageError, OSError):
        record = _read(journal)
        if record is None:
            return
        named = Path(output).stat().st_mtime_ns
        with held(output, PART) as descriptor:
            part = os.fstat(descriptor)
            is_complete = len(record.sums) == record.total and part.st_mtime_ns <= named
            if is_complete or not part.st_size:
                remove_quietly(Path(f"{output}{PART}"))
                remove_quietly(journal)


def current_boot() -> str | None:
    """Returns a text that changes when the machine restarts; None on other systems."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
