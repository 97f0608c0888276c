"""Sources become training scenes, once: they are kept in a cache for as long as sources and settings stay the same."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ssdiff_cli.jobs.train.pairs import PairRecord, read_scene
from ssdiff_cli.jobs.train.patch_files import read_patches
from ssdiff_cli.jobs.train.settings import DataConfig
from ssdiff_cli.jobs.train.sources import (
    Item,
    PatchFile,
    band_indexes,
    files_of,
    find_items,
    settle,
)
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.training.scene_cache import (
    SceneSet,
    load_scenes,
    read_cached_settings,
    save_scenes,
)
from ssdiff_models.training.variants import Making, simulated, variants
from ssdiff_models.training.wald_scene import WaldScene

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
    # Read back: later runs see the same sixteen bits.
    return load_scenes(cache)


def _key(config: DataConfig, items: Sequence[Item]) -> str:
    text = json.dumps([asdict(config), files_of(items)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _scenes(config: DataConfig, items: Sequence[Item], split: str) -> tuple[WaldScene, ...]:
    """Returns the scenes of a split.

    Raises:
        InputError: When none can be used: the first reason.
    """
    scenes, reasons = list[WaldScene](), list[str]()
    for item in items:
        chosen = band_indexes(item.bands, config.bands)
        if item.split != split:
            continue
        if item.ratio != config.ratio or not chosen:
            there, wanted = (
                f"{','.join(item.bands)} at ratio {item.ratio}",
                f"{','.join(config.bands)} at {config.ratio}",
            )
            _log.info("%s: has %s, not %s: left out", item.name, there, wanted)
            continue
        try:
            scenes += _made(config, item, chosen)
        except InputError as error:
            reasons.append(str(error))
    if split == "train":
        scenes += [scene for name in config.simulated for scene in _simulated(config, name)]
    if not scenes:
        more = f" (nor are {len(reasons) - 1} others usable)" if len(reasons) > 1 else ""
        none = f"no data of split {split!r} with bands {','.join(config.bands)} at ratio {config.ratio}: name some with --valid"
        raise InputError(f"{reasons[0]}{more}" if reasons else none)
    for reason in reasons:
        _log.warning("left out: %s", reason)
    return tuple(scenes)


def _made(config: DataConfig, item: Item, chosen: tuple[int, ...]) -> Iterator[WaldScene]:
    if isinstance(item, PatchFile):
        limit = config.limit if item.split == "train" else config.valid_limit
        yield from read_patches(item, chosen, prior=config.prior, limit=limit)
        return
    scene = _pair_scene(item, config)
    yield scene
    if config.variants and item.split == "train":
        gains = sensors.get(item.sensor).gains(
            len(chosen), tuple(item.bands[index] for index in chosen)
        )
        seed = int.from_bytes(hashlib.sha256(item.name.encode()).digest()[:4], "big")
        yield from variants(
            scene, Making(gains=gains, ratio=config.ratio, prior=config.prior, seed=seed)
        )


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
    yield from simulated(
        sensor, chosen, Making(gains=(), ratio=config.ratio, prior=config.prior, seed=1000)
    )
