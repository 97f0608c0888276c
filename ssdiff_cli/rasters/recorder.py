"""When the journal is told of progress, and when the disk is waited for.

What a killed run wrote stays with the operating system, so the journal is told of every row of tiles at once, without waiting for the
disk: a fast method would wait for nothing else. What a crash of the machine takes back is another matter. So the journal names the
boot it was written in, and the part of the file that is known to be on the disk; after another boot only that part is continued.
"""

import time
from pathlib import Path

from ssdiff_cli.rasters.journal import Journal, RunKey
from ssdiff_cli.rasters.store import TileFile

__all__ = ["SYNC_SECONDS", "Recorder", "current_boot"]

SYNC_SECONDS = 30.0
"""What a crash of the machine may cost, in work."""


def current_boot() -> str | None:
    """Returns what changes when the machine starts anew; None where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


class Recorder:
    """Tells the journal of whole tile rows."""

    def __init__(self, store: TileFile, journal: Journal, key: RunKey) -> None:
        """Takes a file that is at a whole tile row; what an earlier run left in it is waited for with the first further row."""
        self._store, self._journal, self._key = store, journal, key
        self._boot = current_boot()
        self._safe = 0, 0
        self._synced = float("-inf") if store.rows_done else time.monotonic()

    def __call__(self, tile_rows: int) -> None:
        """Notes that so many tile rows are in the file."""
        if self._boot is None or time.monotonic() - self._synced >= SYNC_SECONDS:
            self._store.sync()
            self._safe, self._synced = (tile_rows, self._store.size), time.monotonic()
        self._journal.record(self._key, (tile_rows, self._store.size), safe=self._safe, boot=self._boot)
