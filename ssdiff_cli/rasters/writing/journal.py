"""The journal beside an unfinished output: what it is made from, and how much is done."""

import json
import time
from pathlib import Path
from typing import Any

from ssdiff_cli.rasters.writing.run_key import RunKey
from ssdiff_cli.rasters.writing.tile_file import TileFile
from ssdiff_models.errors import UsageError
from ssdiff_models.files import atomic

__all__ = ["SYNC_SECONDS", "Journal", "current_boot", "journal_path"]

SYNC_SECONDS = 30.0
"""Work that a crash of the machine may cost."""

VERSION = 2

FIELDS = {"version", "template", "settings", "tile_rows", "size", "safe", "boot"}


def journal_path(output: str) -> Path:
    """Returns the name of an output's journal."""
    return Path(f"{output}.journal.json")


class Journal:
    """Progress of one run."""

    def __init__(self, output: str, key: RunKey) -> None:
        """Takes the output's final name and what it is made from."""
        self._output = output
        self._path = journal_path(output)
        self._key = key
        self._boot = current_boot()
        self._safe = (0, 0)
        self._synced = time.monotonic()

    def resume_point(self, part: Path, *, restart: bool) -> tuple[int, int] | None:
        """Returns whole tile rows and bytes of the unfinished file; None to start over.

        Args:
            part: The unfinished file.
            restart: Whether the rest of another run is thrown away instead of refused.

        Raises:
            UsageError: When the unfinished file comes from other inputs, settings or versions.
        """
        record = _read(self._path)
        if record is None or not part.exists():
            return None
        if record["version"] != VERSION:
            self._refuse("of another version of ssdiff", part, restart=restart)
            return None
        tile_rows, size = self._progress(record)
        if not tile_rows or part.stat().st_size < size:
            return None
        before = RunKey(template=record["template"], settings=record["settings"])
        changed = before.differences(self._key)
        if changed:
            self._refuse(f"with other settings ({', '.join(changed)})", part, restart=restart)
            return None
        # The earlier run's rows may not be on the disk yet.
        self._synced = float("-inf")
        return tile_rows, size

    def _progress(self, record: dict[str, Any]) -> tuple[int, int]:
        """After another start of the machine, only synchronised rows count."""
        if self._boot is not None and record["boot"] == self._boot:
            return record["tile_rows"], record["size"]
        tile_rows, size = record["safe"]
        return tile_rows, size

    def _refuse(self, what: str, part: Path, *, restart: bool) -> None:
        if not restart:
            raise UsageError(
                f"{self._output}: an unfinished run {what} is here: repeat that one to continue "
                f"it, or delete {part.name} and {self._path.name}, or pass --overwrite, "
                "to start over"
            )

    def record(self, store: TileFile) -> None:
        """Notes the whole tile rows of the unfinished file."""
        if self._boot is None or time.monotonic() - self._synced >= SYNC_SECONDS:
            store.sync()
            self._safe = store.rows_done, store.size
            self._synced = time.monotonic()
        document = {
            "version": VERSION,
            "template": self._key.template,
            "settings": dict(self._key.settings),
            "tile_rows": store.rows_done,
            "size": store.size,
            "safe": self._safe,
            "boot": self._boot,
        }
        with atomic(self._path) as fresh:
            fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Ends the journal."""
        self._path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """Returns a journal; None where there is none, or it is damaged."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        is_complete = record["version"] != VERSION or record.keys() >= FIELDS
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if is_complete else None


def current_boot() -> str | None:
    """Returns a text that changes when the machine restarts; None on other systems."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
