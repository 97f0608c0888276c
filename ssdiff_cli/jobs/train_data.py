"""Sources become training scenes, once: they are kept in a cache for as long as sources and settings stay the same."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ssdiff_cli.jobs.datasets import PairRecord, read_scene
from ssdiff_cli.jobs.train_config import DataConfig
from ssdiff_cli.jobs.train_patches import read_patches
from ssdiff_cli.jobs.train_sources import Item, PatchFile, band_indexes, files_of, find_items, settle
from ssdiff_models import sensors
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.training.cache import SceneSet, load_scenes, read_settings, save_scenes
from ssdiff_models.training.variants import Making, simulated, variants
from ssdiff_models.training.wald import WaldScene

__all__ = ["load_data"]

NO_VALIDATION = "no validation data: name some with --valid, or give an index with the split 'val'"
_log = logging.getLogger(__name__)


def load_data(config: DataConfig, cache: Path | None) -> SceneSet:
    """Returns the scenes of the sources: out of the cache where it was made of the same, else made, and put there.

    Args:
        config: What to train on.
        cache: The file; None makes the scenes anew and keeps nothing, and they are not rounded to 16 bits.

    Raises:
        SsdiffError: When there is nothing to train on, or to validate with, or the cache cannot be written.
    """
    items = find_items(config)
    config = settle(config, items)
    if not any(item.split == "val" for item in items):
        raise InputError(f"{', '.join(config.sources)}: {NO_VALIDATION}")
    key = _key(config, items)
    if cache is not None and cache.exists() and read_settings(cache).get("key") == key:
        _log.info("%s: made of the same sources, used", cache)
        return load_scenes(cache)
    scenes = SceneSet(
        train=tuple(_scenes(config, items, "train")),
        validation=tuple(_scenes(config, items, "val")),
        settings={"key": key, "data": asdict(config)},
    )
    _check(scenes, config)
    if cache is None:
        return scenes
    save_scenes(cache, scenes)
    # Read back: later runs see the same sixteen bits.
    return load_scenes(cache)


def _key(config: DataConfig, items: Sequence[Item]) -> str:
    text = json.dumps([asdict(config), files_of(items)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _check(scenes: SceneSet, config: DataConfig) -> None:
    what = f"with bands {', '.join(config.bands)} at ratio {config.ratio}"
    if not scenes.train:
        raise InputError(f"{', '.join(config.sources)}: no usable training data {what}; -v says why each was left out")
    if not scenes.validation:
        raise InputError(
            f"{', '.join(config.sources)}: nothing usable for validation {what}; -v says why: name some with --valid"
        )


def _scenes(config: DataConfig, items: Sequence[Item], split: str) -> Iterator[WaldScene]:
    for item in items:
        chosen = band_indexes(item.bands, config.bands)
        if item.split != split:
            continue
        if item.ratio != config.ratio or not chosen:
            _log.info("%s: has not these bands at this ratio, left out", item.name)
            continue
        try:
            yield from _made(config, item, chosen)
        except InputError as error:
            if split == "train" and isinstance(item, PatchFile):
                raise
            _log.warning("left out: %s", error)
    if split == "train":
        for name in config.simulated:
            yield from _simulated(config, name)


def _made(config: DataConfig, item: Item, chosen: tuple[int, ...]) -> Iterator[WaldScene]:
    sensor = sensors.get(item.sensor)
    if isinstance(item, PatchFile):
        limit = config.limit if item.split == "train" else config.valid_limit
        yield from read_patches(item, chosen, prior=config.prior, limit=limit)
        return
    scene = _pair_scene(item, config)
    yield scene
    if config.variants and item.split == "train":
        gains = sensor.gains(len(chosen), tuple(item.bands[index] for index in chosen))
        seed = int.from_bytes(hashlib.sha256(item.name.encode()).digest()[:4], "big")
        yield from variants(scene, Making(gains=gains, ratio=config.ratio, prior=config.prior, seed=seed))


def _pair_scene(record: PairRecord, config: DataConfig) -> WaldScene:
    scene, _ = read_scene(record, config.bands, config.prior)
    return replace(scene, sensor=sensors.get(record.sensor).name)


def _simulated(config: DataConfig, name: str) -> Iterator[WaldScene]:
    sensor = sensors.get(name)
    chosen = band_indexes(sensor.bands, config.bands)
    if sensor.ratio != config.ratio or not chosen:
        raise UsageError(
            f"data.simulated: {sensor.name} has not the bands {','.join(config.bands)} at ratio {config.ratio}: leave it out"
        )
    yield from simulated(sensor, chosen, Making(gains=(), ratio=config.ratio, prior=config.prior, seed=1000))
