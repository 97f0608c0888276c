"""Everything that a training needs before its first step: settings, device, data and files."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from ssdiff_cli.device import DeviceChoice, DeviceOptions, choose
from ssdiff_cli.jobs.train.job import TrainingJob
from ssdiff_cli.jobs.train.processes import Ranks, joined, read_ranks
from ssdiff_cli.jobs.train.settings import TRAINED, DataConfig, TrainSettings
from ssdiff_cli.jobs.train.settings_file import (
    Setting,
    parse_setting,
    read_data_config,
    read_settings,
)
from ssdiff_cli.rasters.writing.output_path import claimed_outputs, refuse_existing
from ssdiff_models import zoo
from ssdiff_models.checkpoint import read_header
from ssdiff_models.errors import ModelError, ResourceError, UsageError
from ssdiff_models.training.scene_cache import SceneSet, load_scenes, read_cached_settings

__all__ = ["TrainingRequest", "prepared"]

ENDINGS = (".safetensors", ".last.safetensors", ".state", ".toml", ".csv", ".png")
"""The files of a training but its cache; the names are those of `TrainingJob`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """The command line."""

    output: Path
    flags: tuple[Setting, ...]
    """The settings that have an option of their own."""
    changes: tuple[str, ...] = ()
    """Those of ``--set``."""
    config: Path | None = None
    cache: str | None = None
    """A path, or ``none``; None: beside the output."""
    init: Path | None = None
    overwrite: bool = False
    device: DeviceOptions

    @property
    def cache_path(self) -> Path | None:
        """The file of the scenes; None: they are not kept."""
        if self.cache is None:
            return self.output.with_suffix(".cache")
        return None if self.cache == "none" else Path(self.cache)


@contextmanager
def prepared(
    request: TrainingRequest, environ: Mapping[str, str]
) -> Iterator[tuple[TrainingJob, SceneSet]]:
    """Yields the job and its scenes, connected with the other processes as long as it trains.

    Raises:
        SsdiffError: When it cannot begin.
    """
    ranks = read_ranks(environ)
    flags = [*request.flags, *map(parse_setting, request.changes)]
    settings = read_settings(request.config, flags, network=_network_of(request.init))
    choice = _choice(request, settings, ranks)
    on_cuda = choice.device.type == "cuda"
    if on_cuda:
        torch.cuda.set_device(choice.device)
    torch.set_num_threads(choice.threads)
    with joined(ranks, choice.device), ExitStack() as stack:
        scenes = ranks.first_alone(
            lambda: _prepare(request, settings, stack), lambda: _scenes(request, settings)
        )
        cache = request.cache_path or request.output
        settings = replace(settings, data=read_data_config(cache, scenes.settings))
        settings.network_config()
        job = TrainingJob(
            output=request.output,
            settings=settings,
            init=request.init,
            device=str(choice.device),
            execution=ranks.execution(choice.dtype),
            compile=choice.compile and on_cuda,
            note={"hardware": f"{ranks.world} x {choice.device.type}, {choice.threads} threads"},
        )
        yield job, scenes


def _network_of(init: Path | None) -> dict[str, Any]:
    """Returns the name of a model's network, and its fields other than its bands and ratio."""
    if init is None:
        return {}
    header = read_header(zoo.locate(str(init)))
    if header["network"] not in TRAINED:
        raise ModelError(
            f"{init}: a network of kind {header['network']!r}, which is not trained here: "
            "leave out --init"
        )
    config: dict[str, Any] = header["config"]
    own = {name: value for name, value in config.items() if name not in {"bands", "ratio"}}
    return own | {"name": header["network"]}


def _choice(request: TrainingRequest, settings: TrainSettings, ranks: Ranks) -> DeviceChoice:
    run = settings.run
    options = replace(request.device, precision=run.precision, compile=run.compile)
    if ranks.world > 1 and options.device == "auto" and torch.cuda.is_available():
        options = replace(options, device=f"cuda:{ranks.local}")
    choice = choose(options, tile_pixels=settings.training.size**2)
    # Gradients in bfloat16 are for who asks for them, but on CUDA.
    is_plain = run.precision == "auto" and choice.device.type != "cuda"
    return replace(choice, precision="fp32") if is_plain else choice


def _prepare(request: TrainingRequest, settings: TrainSettings, stack: ExitStack) -> SceneSet:
    """Claims the outputs, loads the data, then removes what is to be overwritten."""
    output = request.output
    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: a model file ends in .safetensors")
    outputs = list(map(output.with_suffix, ENDINGS))
    cache = [path for path in (request.cache_path,) if path is not None]
    reads = _reads(request, settings)
    stack.enter_context(claimed_outputs([*outputs, *cache], reads, overwrite=True))
    state = output.with_suffix(".state")
    for path in outputs:
        if path.exists() and not state.exists() and not request.overwrite:
            refuse_existing(path, f"and there is no {state.name} to continue from")
    scenes = _scenes(request, settings)
    if request.overwrite:
        state.unlink(missing_ok=True)
        output.with_suffix(".csv").unlink(missing_ok=True)
    return scenes


def _reads(request: TrainingRequest, settings: TrainSettings) -> Iterator[str]:
    """Yields the files of a training besides its own; those of its sources are found out last."""
    yield from (str(path) for path in (request.config, request.init) if path is not None)
    if settings.data.sources:
        from ssdiff_cli.jobs.train.sources import find_items

        yield from (name for item in find_items(settings.data) for name in item.files)


def _scenes(request: TrainingRequest, settings: TrainSettings) -> SceneSet:
    cache = request.cache_path
    if settings.data.sources:
        # Imported here, so that a machine without rasterio can train from a cache.
        from ssdiff_cli.jobs.train.scenes import load_data

        if cache is not None and not cache.parent.is_dir():
            raise ResourceError(
                f"{cache}: there is no folder {cache.parent}; create it, or name another --cache"
            )
        return load_data(settings.data, cache)
    if cache is None or not (cache.exists() or request.cache):
        raise UsageError("nothing to train on: give sources, or the --cache of an earlier run")
    _check_same(cache, settings.data)
    return load_scenes(cache)


def _check_same(cache: Path, config: DataConfig) -> None:
    """Refuses options that a cache was not made with."""
    cached = read_data_config(cache, read_cached_settings(cache))
    default = DataConfig()
    for field in fields(DataConfig):
        wanted = getattr(config, field.name)
        has = getattr(cached, field.name)
        if wanted not in (getattr(default, field.name), has):
            raise UsageError(
                f"{cache}: was made with data.{field.name} {has!r}, not {wanted!r}: "
                "give the sources to make it anew"
            )
