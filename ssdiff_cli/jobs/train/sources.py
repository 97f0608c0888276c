"""What ``ssdiff train`` is given: folders with an index, patch files and GeoTIFF pairs, each with its sensor."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ssdiff_cli.jobs.test_sets import Dataset, guess_sensor, open_dataset
from ssdiff_cli.jobs.train.pairs import ALIKE, PairRecord, pair_record, read_index
from ssdiff_cli.jobs.train.settings import DataConfig
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors

__all__ = ["Item", "PatchFile", "band_indexes", "files_of", "find_items", "settle"]

VALIDATION = ("valid", "val", "test")
"""How the names of patch files that are not for training begin."""
PATCH_FILES = {".h5", ".hdf5", ".hdf", ".mat"}
Trait = TypeVar("Trait", int, tuple[str, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFile:
    """A file of patches as PanCollection has them."""

    path: str
    sensor: str
    """Short name."""
    split: str
    ratio: int
    bands: tuple[str, ...]

    @property
    def name(self) -> str:
        """As messages write it."""
        return Path(self.path).name


Item = PairRecord | PatchFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """One source as the user wrote it, understood."""

    paths: tuple[str, ...]
    """A folder or a patch file, or a PAN and an MS."""
    sensor: str | None

    @classmethod
    def read(cls, text: str) -> "_Word":
        """Takes ``path``, ``path@sensor``, ``pan,ms`` or ``pan,ms@sensor`` apart; paths may have these characters, too."""
        path, mark, name = text.rpartition("@")
        if not mark or Path(text).exists() or all(Path(part).exists() for part in text.split(",")):
            path, name = text, ""
        sensor = sensors.get(name).name if name else None
        if "," in path and not Path(path).exists():
            parts = tuple(path.split(","))
            if len(parts) != 2:
                raise UsageError(f"{text}: a pair is a PAN and an MS: write pan.tif,ms.tif")
            return cls(paths=parts, sensor=sensor)
        return cls(paths=(path,), sensor=sensor)


def find_items(config: DataConfig) -> tuple[Item, ...]:
    """Returns all pairs and patch files that the sources name, without those of sensors that are left out.

    Raises:
        UsageError: When a source cannot be understood.
        InputError: When one is missing or of another kind.
    """
    given = [item for text in config.sources for item in _items(text, None)]
    given += [item for text in config.valid for item in _items(text, "val")]
    without = {_short(name) for name in config.without}
    kept = tuple(item for item in given if _short(item.sensor) not in without)
    if not any(item.split == "train" for item in kept):
        raise InputError(
            f"{', '.join(config.sources)}: nothing for training (of {len(given)} pairs and files in all)"
        )
    return kept


def _short(sensor: str) -> str:
    try:
        return sensors.get(sensor).name
    except UsageError:
        return sensor.strip().lower()


def _items(text: str, split: str | None) -> Iterator[Item]:
    word = _Word.read(text)
    path = Path(word.paths[0])
    if len(word.paths) == 2:
        yield pair_record(*word.paths, sensor=word.sensor, split=split or "train")
    elif path.is_dir():
        for record in read_index(path):
            yield replace(record, sensor=word.sensor or record.sensor, split=split or record.split)
    elif path.suffix.lower() in PATCH_FILES:
        yield _patch_file(str(path), word.sensor, split)
    elif path.exists():
        raise InputError(
            f"{path}: give a folder with an index.json, a PanCollection .h5 file, or a pair as pan.tif,ms.tif"
        )
    else:
        raise InputError(f"{path}: no such file or folder")


def _patch_file(path: str, sensor: str | None, split: str | None) -> PatchFile:
    with open_dataset(path) as dataset:
        if not dataset.has_reference:
            raise InputError(
                f"{path}: has no gt: full-resolution images have no truth to train towards"
            )
        known = sensors.get(sensor) if sensor else guess_sensor(dataset)
        if known is None:
            raise UsageError(
                f"{path}: its sensor, and with it the full-scale value, is not known: write {path}@SENSOR "
                f"(known: {', '.join(one.name for one in sensors.SENSORS)})"
            )
        return PatchFile(
            path=path,
            sensor=known.name,
            split=split or ("val" if Path(path).name.lower().startswith(VALIDATION) else "train"),
            ratio=dataset.ratio,
            bands=_patch_bands(dataset, known.bands, sensors.BGRN),
        )


def _patch_bands(dataset: Dataset, *known: tuple[str, ...]) -> tuple[str, ...]:
    found = next((names for names in known if len(names) == dataset.bands), None)
    return found or tuple(f"band{number}" for number in range(1, dataset.bands + 1))


def settle(config: DataConfig, items: Sequence[Item]) -> DataConfig:
    """Returns the config with the bands and the ratio of the data, where it names none.

    Raises:
        UsageError: When the data differ in them, or no training data have them.
    """
    training = [item for item in items if item.split == "train"]
    ratio = config.ratio or _only([item.ratio for item in training], "--ratio", str)
    training = [item for item in training if item.ratio == ratio]
    bands = config.bands or _only([_plain(item.bands) for item in training], "--bands", ",".join)
    if not any(band_indexes(item.bands, bands) for item in training):
        there = sorted({",".join(item.bands) for item in training}) or ["none"]
        raise UsageError(
            f"no training data with the bands {','.join(bands)} at ratio {ratio}; at that ratio there are {'; '.join(there)}"
        )
    return replace(config, bands=tuple(bands), ratio=ratio)


def _plain(bands: Sequence[str]) -> tuple[str, ...]:
    return tuple("nir" if band == "nir1" and "nir2" not in bands else band for band in bands)


def _only(traits: Sequence[Trait], option: str, write: Callable[[Trait], str]) -> Trait:
    """Returns what all have in common.

    Raises:
        UsageError: When they do not.
    """
    counts = Counter(traits)
    if len(counts) > 1:
        there = "; ".join(f"{write(trait)} ({count})" for trait, count in counts.most_common())
        raise UsageError(
            f"the training data differ: choose with {option} among {there}, or parts that they share"
        )
    return traits[0]


def band_indexes(there: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...]:
    """Returns where the wanted bands are among others; nothing where one is missing."""
    found = [
        next((there.index(name) for name in ALIKE.get(band, (band,)) if name in there), None)
        for band in wanted
    ]
    return tuple(index for index in found if index is not None) if None not in found else ()


def files_of(items: Sequence[Item]) -> list[tuple[str, int, int]]:
    """Returns name, size and time of change of every file behind the items: as long as they are the same, so are the scenes."""
    found = []
    for item in items:
        for path in (item.path,) if isinstance(item, PatchFile) else item.rasters:
            status = Path(path).stat() if Path(path).exists() else None
            found.append(
                (str(path), status.st_size if status else -1, status.st_mtime_ns if status else -1)
            )
    return found
