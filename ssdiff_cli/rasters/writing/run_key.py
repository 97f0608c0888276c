"""What an output is made from, so that only the same command continues an unfinished one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.reading.source_files import local_file

__all__ = ["RunKey", "run_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """Everything that the pixels and the metadata of an output depend on."""

    template: str
    """Hash of the output's directories: its grid, type, tags."""
    settings: Mapping[str, str]
    """Inputs and settings by name."""

    def differences(self, other: "RunKey") -> list[str]:
        """Returns the names of the settings that differ."""
        names = sorted({*self.settings, *other.settings})
        found = [name for name in names if self.settings.get(name) != other.settings.get(name)]
        if not found and self.template != other.template:
            return ["the extent, type or format of the output"]
        return found

    @property
    def digest(self) -> str:
        """One hash of all of it."""
        return _digest(json.dumps([self.template, dict(sorted(self.settings.items()))]).encode())


def run_key(pair: ScenePair, template: bytes, settings: Mapping[str, str]) -> RunKey:
    """Returns the key of a run; pixels depend on `settings` besides the pair."""
    scene = {"PAN": _input(pair.pan), "MS": _input(pair.ms), "grid options": _geometry(pair)}
    return RunKey(template=_digest(template), settings=scene | dict(settings))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _input(bands: Bands) -> str:
    """Identifies a raster by its header, and its files by size and time."""
    dataset = bands.dataset
    grid = dataset.width, dataset.height, dataset.dtypes
    header = (*grid, bands.indexes, bands.nodata, tuple(dataset.transform))
    # Viewers write statistics and overviews beside a file; they do not change its pixels.
    own = [name for name in sorted(dataset.files) if not name.endswith((".aux.xml", ".ovr"))]
    files = [_file(name) for name in own or [bands.path]]
    return _digest(repr((header, files)).encode())


def _file(name: str) -> tuple[int, int] | str:
    """Returns size and time of a file or its archive; the name of a file that is not local."""
    path = local_file(name)
    if path is None:
        return name
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _geometry(pair: ScenePair) -> str:
    region = pair.region.wkb if pair.region else ""
    shift = tuple(pair.shift.motion), pair.shift.surface
    rpc_dem = pair.files.options.rpc_dem
    values = pair.ratio, pair.ms_phase, shift, rpc_dem, repr(pair.crs), region
    return _digest(repr(values).encode())
