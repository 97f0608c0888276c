"""The training scenes of sources, cached as long as sources and settings stay the same."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ssdiff_cli.jobs.train.pairs import PairRecord, band_indexes, degradation_of, read_scene
from ssdiff_cli.jobs.train.patch_files import PatchFile, read_patches
from ssdiff_cli.jobs.train.settings import DataConfig
from ssdiff_cli.jobs.train.sources import Item, file_states, find_items, with_bands_and_ratio
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.training.scene_cache import (
    SceneSet,
    load_scenes,
    read_cached_settings,
    save_scenes,
)
from ssdiff_models.training.variants import simulated, variants
from ssdiff_models.training.wald_scene import WaldScene

__all__ = ["load_data"]

_log = logging.getLogger(__name__)


def load_data(config: DataConfig, cache: Path | None) -> SceneSet:
    """Returns the scenes of the sources, from the cache where it was made of the same sources.

    Args:
        config: What to train on.
        cache: The file to read or to write; None: the scenes are not rounded to 16 bits.

    Raises:
        SsdiffError: When there are no scenes for training or validation, or no space.
    """
    items = find_items(config)
    config = with_bands_and_ratio(config, items)
    if not any(item.split == "val" for item in items):
        raise InputError(
            f"{', '.join(config.sources)}: no validation data: name some with --valid, "
            "or give an index with the split 'val'"
        )
    key = _key(config, items)
    if cache is not None and cache.exists() and read_cached_settings(cache).get("key") == key:
        _log.info("%s: made of the same sources, used", cache)
        return load_scenes(cache)
    scenes = SceneSet(
        train=_scenes(config, items, "train"),
        validation=_scenes(config, items, "val"),
        settings={"key": key, "data": asdict(config)},
    )
    if cache is None:
        return scenes
    save_scenes(cache, scenes)
    del scenes
    # Read back: later runs see the same 16 bits.
    return load_scenes(cache)


def _key(config: DataConfig, items: Sequence[Item]) -> str:
    text = json.dumps([asdict(config), file_states(items)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _scenes(config: DataConfig, items: Sequence[Item], split: str) -> tuple[WaldScene, ...]:
    """Returns the scenes of a split.

    Raises:
        InputError: When none can be used: the first reason.
    """
    scenes: list[WaldScene] = []
    reasons: list[str] = []
    for item in _matching(config, items, split):
        try:
            scenes += _item_scenes(config, item)
        except InputError as error:
            reasons.append(str(error))
    if split == "train":
        for name in config.simulated:
            scenes += _simulated(config, name)
    if not scenes:
        more = f" (nor are {len(reasons) - 1} others usable)" if len(reasons) > 1 else ""
        none = f"no data of split {split!r} with bands {_wanted(config)}: name some with --valid"
        raise InputError(f"{reasons[0]}{more}" if reasons else none)
    for reason in reasons:
        _log.warning("left out: %s", reason)
    return tuple(scenes)


def _matching(config: DataConfig, items: Sequence[Item], split: str) -> Iterator[Item]:
    for item in items:
        if item.split != split:
            continue
        if item.ratio == config.ratio and band_indexes(item.bands, config.bands):
            yield item
        else:
            has = f"{','.join(item.bands)} at ratio {item.ratio}"
            _log.info("%s: has %s, not %s: left out", item.name, has, _wanted(config))


def _wanted(config: DataConfig) -> str:
    return f"{','.join(config.bands)} at ratio {config.ratio}"


def _item_scenes(config: DataConfig, item: Item) -> Iterator[WaldScene]:
    indexes = band_indexes(item.bands, config.bands)
    if isinstance(item, PatchFile):
        limit = config.limit if item.split == "train" else config.valid_limit
        yield from read_patches(item, indexes, prior=config.prior, limit=limit)
        return
    yield from _pair_scenes(config, item, indexes, match_pan=config.match_pan)
    if config.match_pan and config.plain_pan and item.split == "train":
        for scene in _pair_scenes(config, item, indexes, match_pan=False):
            yield replace(scene, name=f"{scene.name}#plain")


def _pair_scenes(
    config: DataConfig, item: PairRecord, indexes: Sequence[int], *, match_pan: bool
) -> Iterator[WaldScene]:
    scene = read_scene(item, config.bands, config.prior, match_pan=match_pan)
    scene = replace(scene, name=item.name, sensor=sensors.get(item.sensor).name)
    yield scene
    if config.variants and item.split == "train":
        bands = [item.bands[index] for index in indexes]
        degradation = degradation_of(item.sensor, bands, config.ratio, config.prior)
        degradation = replace(degradation, match_pan=match_pan)
        seed = int.from_bytes(hashlib.sha256(item.name.encode()).digest()[:4], "big")
        yield from variants(scene, degradation, seed)


def _simulated(config: DataConfig, name: str) -> Iterator[WaldScene]:
    sensor = sensors.get(name)
    indexes = band_indexes(sensor.bands, config.bands)
    if sensor.ratio != config.ratio or not indexes:
        raise UsageError(
            f"data.simulated: {sensor.name} has not the bands {','.join(config.bands)} "
            f"at ratio {config.ratio}: leave it out"
        )
    bands = [sensor.bands[index] for index in indexes]
    degradation = degradation_of(sensor.name, bands, config.ratio, config.prior)
    degradation = replace(degradation, match_pan=config.match_pan)
    yield from simulated(sensor, indexes, degradation, seed=1000)
