"""Checksums of rasters, models and printed text, without times, dates and versions."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.io import DatasetReader
from safetensors import safe_open

__all__ = ["Sums", "sums_of"]

CHANGING = re.compile(r"second|memory|version|^date$|^hardware$|^key$")
"""Names of JSON values that differ from run to run or by machine; `key` holds the inputs' times."""
AMOUNT = re.compile(r"\d+(\.\d+)? ?(s|ms|min|MB|GB|MiB|GiB|kB)\b")
OWN_DOMAINS = {"DERIVED_SUBDATASETS", "IMAGE_STRUCTURE"}
"""Tags that GDAL makes up when it opens a file."""
TEXTS = {".csv", ".json", ".toml"}


@dataclass(frozen=True, kw_only=True)
class Sums:
    """The checksums of one run; ``-`` where it has nothing of the kind."""

    pixels: str
    """Pixels, masks, type, grid and layout of rasters; tensors of models."""
    tags: str
    """Tags of rasters, metadata of models."""
    text: str
    """Exit codes, stdout, stderr, and files of text."""
    files: str
    """Rasters byte by byte, but for shards: they hold a checksum of their inputs' times."""

    def __str__(self) -> str:
        return "  ".join(f"{value:12}" for value in astuple(self))


def sums_of(folder: Path, printed: Iterable[str]) -> Sums:
    """Returns the checksums of what a run left in its folder and of what it printed."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    rasters = [path for path in paths if path.suffix == ".tif"]
    models = [path for path in paths if path.suffix == ".safetensors"]
    texts = [
        _without_changes(path.read_text(encoding="utf-8")) for path in paths if path.suffix in TEXTS
    ]
    return Sums(
        pixels=_sum([*map(_pixels, rasters), *map(_tensors, models)]),
        tags=_sum([*map(_tags, rasters), *map(_metadata, models)]),
        text=_sum([repr([path.name for path in paths]), *texts, *map(_without_changes, printed)]),
        files=_sum(path.read_bytes() for path in rasters if ".shard" not in path.name),
    )


def _sum(parts: Iterable[str | bytes]) -> str:
    found = hashlib.sha256()
    empty = True
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8) + data)
        empty = False
    return "-" if empty else found.hexdigest()[:12]


def _pixels(path: Path) -> bytes:
    with rasterio.open(path) as file:
        grid = (file.dtypes, file.nodatavals, tuple(file.transform), file.crs, _points(file))
        layout = (
            file.block_shapes,
            file.compression,
            file.interleaving,
            [file.overviews(band) for band in file.indexes],
        )
        bands = (
            file.descriptions,
            file.units,
            file.scales,
            file.offsets,
            file.colorinterp,
            file.mask_flag_enums,
        )
        head = repr((path.name, file.shape, grid, layout, bands)).encode()
        return head + file.read().tobytes() + file.read_masks().tobytes()


def _points(file: DatasetReader) -> list[tuple[float, ...]]:
    points, _ = file.gcps
    return [(point.row, point.col, point.x, point.y) for point in points]


def _tags(path: Path) -> str:
    with rasterio.open(path) as file:
        found = []
        for band in (0, *file.indexes):
            names = sorted({*file.tag_namespaces(band)} - OWN_DOMAINS)
            found.append([file.tags(band, ns=name or None) for name in ("", *names)])
    return json.dumps([path.name, found], sort_keys=True)


def _tensors(path: Path) -> bytes:
    with safe_open(path, "np") as file:
        tensors = {name: np.asarray(file.get_tensor(name)) for name in sorted(file.keys())}
    parts = [
        repr((name, str(value.dtype), value.shape)).encode() + value.tobytes()
        for name, value in tensors.items()
    ]
    return path.name.encode() + b"".join(parts)


def _metadata(path: Path) -> str:
    with safe_open(path, "np") as file:
        found = file.metadata() or {}
    return json.dumps([[key, _without_changes(found[key])] for key in sorted(found)])


def _without_changes(text: str) -> str:
    """Drops, line by line, what changes from run to run; a line may be JSON."""
    return "\n".join(map(_steady_line, text.splitlines()))


def _steady_line(line: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return AMOUNT.sub("#", line)
    return json.dumps(_steady(found), sort_keys=True)


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if not CHANGING.search(key)}
    if isinstance(value, list):
        return [_steady(item) for item in value]
    return AMOUNT.sub("#", value) if isinstance(value, str) else value
