"""The sources of ``ssdiff train``: folders with an index, patch files and GeoTIFF pairs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ssdiff_cli.jobs.train.pairs import PairRecord, band_indexes, pair_record, read_index
from ssdiff_cli.jobs.train.patch_files import PatchFile, describe_patch_file
from ssdiff_cli.jobs.train.settings import DataConfig
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors

__all__ = ["Item", "file_states", "find_items", "with_bands_and_ratio"]

PATCH_FILES = {".h5", ".hdf5", ".hdf", ".mat"}
Trait = TypeVar("Trait", int, tuple[str, ...])
Item = PairRecord | PatchFile


def find_items(config: DataConfig) -> tuple[Item, ...]:
    """Returns all pairs and patch files of the sources, but those of sensors that are left out.

    Raises:
        UsageError: When a source cannot be understood.
        InputError: When one is missing or of another kind.
    """
    everything = [item for text in config.sources for item in _items(text, None)]
    everything += [item for text in config.valid for item in _items(text, "val")]
    without = {_short(name) for name in config.without}
    items = tuple(item for item in everything if _short(item.sensor) not in without)
    if not any(item.split == "train" for item in items):
        raise InputError(
            f"{', '.join(config.sources)}: nothing for training "
            f"(of {len(everything)} pairs and files in all)"
        )
    return items


def _short(sensor: str) -> str:
    try:
        return sensors.get(sensor).name
    except UsageError:
        return sensor.strip().lower()


def _items(text: str, split: str | None) -> Iterator[Item]:
    paths, sensor = _parsed(text)
    path = Path(paths[0])
    if len(paths) == 2:
        yield pair_record(*paths, sensor=sensor, split=split or "train")
    elif path.is_dir():
        for record in read_index(path):
            yield replace(record, sensor=sensor or record.sensor, split=split or record.split)
    elif path.suffix.lower() in PATCH_FILES:
        yield describe_patch_file(str(path), sensor=sensor, split=split)
    elif path.exists():
        raise InputError(
            f"{path}: give a folder with an index.json, a PanCollection .h5 file, "
            "or a pair as pan.tif,ms.tif"
        )
    else:
        raise InputError(f"{path}: no such file or folder")


def _parsed(text: str) -> tuple[list[str], str | None]:
    """Returns the paths and the sensor of ``path``, ``path@sensor``, ``pan,ms`` or both.

    Paths may have these characters, too.
    """
    path, at, name = text.rpartition("@")
    if not at or Path(text).exists() or all(Path(part).exists() for part in text.split(",")):
        path = text
        name = ""
    sensor = sensors.get(name).name if name else None
    if "," not in path or Path(path).exists():
        return [path], sensor
    paths = path.split(",")
    if len(paths) != 2:
        raise UsageError(f"{text}: a pair is a PAN and an MS: write pan.tif,ms.tif")
    return paths, sensor


def with_bands_and_ratio(config: DataConfig, items: Sequence[Item]) -> DataConfig:
    """Returns the config with the bands and the ratio of the data, where it has none.

    Raises:
        UsageError: When the data differ in them, or no training data have them.
    """
    training = [item for item in items if item.split == "train"]
    ratio = config.ratio or _common([item.ratio for item in training], "--ratio", str)
    training = [item for item in training if item.ratio == ratio]
    bands = config.bands or _common([_plain(item.bands) for item in training], "--bands", ",".join)
    if not any(band_indexes(item.bands, bands) for item in training):
        known = sorted({",".join(item.bands) for item in training}) or ["none"]
        raise UsageError(
            f"no training data with the bands {','.join(bands)} at ratio {ratio}; "
            f"at that ratio there are {'; '.join(known)}"
        )
    return replace(config, bands=tuple(bands), ratio=ratio)


def _plain(bands: Sequence[str]) -> tuple[str, ...]:
    return tuple("nir" if band == "nir1" and "nir2" not in bands else band for band in bands)


def _common(traits: Sequence[Trait], option: str, write: Callable[[Trait], str]) -> Trait:
    counts = Counter(traits)
    if len(counts) > 1:
        known = "; ".join(f"{write(trait)} ({count})" for trait, count in counts.most_common())
        raise UsageError(
            f"the training data differ: choose with {option} among {known}, "
            "or parts that they share"
        )
    return traits[0]


def file_states(items: Sequence[Item]) -> list[tuple[str, int, int]]:
    """Returns path, size and time of change of the items' files; -1 where one is missing."""
    states = []
    for path in (path for item in items for path in item.files):
        status = Path(path).stat() if Path(path).exists() else None
        size = status.st_size if status else -1
        changed = status.st_mtime_ns if status else -1
        states.append((path, size, changed))
    return states
