"""What an unfinished output was made from and how far it is, so that the same command continues it and no other does."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.tile_file import TileFile
from ssdiff_models.errors import UsageError

__all__ = ["SYNC_SECONDS", "Journal", "Recorder", "RunKey", "current_boot", "run_key"]

SYNC_SECONDS = 30.0
"""What a crash of the machine may cost, in work."""


VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """Everything that the pixels and the metadata of an output depend on."""

    template: str
    """Hash of the output's directories: its grid, type, tags."""
    settings: Mapping[str, str]
    """Inputs and settings by name."""

    def differences(self, other: "RunKey") -> list[str]:
        """Returns the names of what differs."""
        names = sorted({*self.settings, *other.settings})
        found = [name for name in names if self.settings.get(name) != other.settings.get(name)]
        return found or (
            ["the extent, type or format of the output"] if self.template != other.template else []
        )

    @property
    def digest(self) -> str:
        """One hash of all of it."""
        return _digest(json.dumps([self.template, dict(sorted(self.settings.items()))]))


def _digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def run_key(pair: ScenePair, template: bytes, settings: Mapping[str, str]) -> RunKey:
    """Returns the key of a run: `settings` are what the pixels depend on besides the pair."""
    scene = {"PAN": _input(pair.pan), "MS": _input(pair.ms), "grid options": _geometry(pair)}
    return RunKey(template=_digest(template), settings=scene | dict(settings))


def _input(bands: Bands) -> str:
    """Identifies a raster by its header, and its files by size and time."""
    dataset = bands.dataset
    header = (
        dataset.width,
        dataset.height,
        dataset.dtypes,
        bands.indexes,
        bands.nodata,
        tuple(dataset.transform),
    )
    # Viewers write statistics and overviews beside a file; they do not change its pixels.
    own = [name for name in sorted(dataset.files) if not name.endswith((".aux.xml", ".ovr"))]
    files = [_file(name) for name in own or [bands.path]]
    return _digest(repr((header, files)))


def _file(name: str) -> tuple[int, int] | str:
    """Size and time of a file, or of the archive that holds it; the name of what is not local."""
    path = Path(name)
    if name.startswith("/vsi"):
        path = Path("/", *Path(name).parts[2:])
    for candidate in (path, *path.parents):
        if candidate.is_file():
            found = candidate.stat()
            return found.st_size, found.st_mtime_ns
    return name


def _geometry(pair: ScenePair) -> str:
    region = shapely.to_wkb(pair.region.polygons).hex() if pair.region else ""
    options = pair.options
    motion = tuple(pair.shift.motion), pair.shift.surface
    return _digest(
        repr((pair.ratio, pair.ms_phase, motion, options.rpc_dem, repr(pair.crs), region))
    )


class Journal:
    """The file beside an unfinished output that tells its key and its whole tile rows."""

    def __init__(self, output: str) -> None:
        """Takes the output's final name."""
        self.path = Path(f"{output}.journal.json")
        self._output = output

    def progress(
        self, key: RunKey, part: Path, *, boot: str | None, restart: bool
    ) -> tuple[int, int] | None:
        """Returns whole tile rows and bytes of the unfinished file, or None where there is nothing to continue.

        Args:
            key: What this run makes.
            part: The unfinished file.
            boot: What tells the machine's last start; after another one only what was known to be on the disk counts.
            restart: Whether the rest of another run is to be thrown away instead of refused.

        Raises:
            UsageError: When the unfinished file comes from other inputs or settings.
        """
        record = self._read()
        if record is None:
            return None
        same_boot = boot is not None and record["boot"] == boot
        tile_rows, size = (record["tile_rows"], record["size"]) if same_boot else record["safe"]
        if not tile_rows or not part.exists() or part.stat().st_size < size:
            return None
        before = RunKey(template=record["template"], settings=record["settings"])
        changed = before.differences(key)
        if not changed:
            return tile_rows, size
        if restart:
            return None
        raise UsageError(
            f"{self._output}: an unfinished run with other settings is here ({', '.join(changed)}): repeat that one to continue it, "
            f"or delete {part.name} and {self.path.name}, or pass --overwrite, to start over"
        )

    def _read(self) -> dict[str, Any] | None:
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            complete = (
                record["version"] == VERSION
                and {"template", "settings", "tile_rows", "size", "safe", "boot"} <= record.keys()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return record if complete else None

    def record(
        self, key: RunKey, done: tuple[int, int], *, safe: tuple[int, int], boot: str | None
    ) -> None:
        """Notes how many whole tile rows the unfinished file has, in how many bytes.

        Args:
            key: What the file is made from.
            done: Tile rows and bytes that were written.
            safe: Those that are on the disk, whatever happens to the machine.
            boot: What tells the machine's last start.
        """
        document = {
            "version": VERSION,
            "template": key.template,
            "settings": dict(key.settings),
            "tile_rows": done[0],
            "size": done[1],
            "safe": safe,
            "boot": boot,
        }
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.path)

    def remove(self) -> None:
        """Ends the journal."""
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}.new").unlink(missing_ok=True)


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
        self._journal.record(
            self._key, (tile_rows, self._store.size), safe=self._safe, boot=self._boot
        )
