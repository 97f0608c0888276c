"""The settings of a training: a TOML file and flags over it, checked against dataclasses."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import InputError, ModelError, UsageError
from ssdiff_models.files import atomic
from ssdiff_models.nets.network import Branch
from ssdiff_models.nets.ssdiff import SSDiffConfig
from ssdiff_models.training.config import TrainingConfig

__all__ = [
    "DataConfig",
    "RunConfig",
    "Setting",
    "TrainSettings",
    "parse_setting",
    "read_data_config",
    "read_settings",
    "write_settings",
]

Setting = tuple[str, str, Any]
"""Section, name and value."""


def _split(value: object) -> object:
    """Splits the text ``red,nir``; an option or a file may also have a list."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The data of a training; with the files themselves, everything that decides its scenes."""

    sources: Names = ()
    """Folders with an index.json, PanCollection files or ``pan.tif,ms.tif``; with ``@sensor``."""
    valid: Names = ()
    """More sources, for validation only."""
    bands: Names = ()
    """Bands of the model by name; none: those of the data."""
    ratio: Annotated[int, Ge(0)] = 0
    """PAN pixels per MS pixel; 0: that of the data."""
    prior: PriorName = "bt-h"
    """What the network corrects."""
    match_pan: bool = False
    """Whether pairs also train, and validate, with a PAN as crisp as their reference.

    Simulated scenes have that PAN alone.
    """
    without: Names = ()
    """Sensors left out."""
    limit: Annotated[int, Ge(0)] = 0
    """Most patches taken from each patch file, evenly spread; 0: all."""
    valid_limit: Annotated[int, Ge(1)] = 64
    """The same of patch files for validation."""
    variants: bool = False
    """Whether each scene of a pair also trains in the forms of `training.variants`."""
    simulated: Names = ()
    """Sensors whose simulated scenes also train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What does not change the weights: when to validate and save, and how to compute."""

    validate_every: Annotated[int, Ge(1)] = 1000
    """Steps between validations."""
    save_every: Annotated[int, Ge(1)] = 250
    """Steps between states that a run continues from."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the network; auto: bfloat16 on CUDA, else float32."""
    compile: bool = False
    """Whether the network is compiled on CUDA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """All settings of a training."""

    data: DataConfig
    network: SSDiffConfig
    """Its bands and ratio are those of `data`: use `network_config`."""
    training: TrainingConfig
    run: RunConfig

    def network_config(self) -> SSDiffConfig:
        """Returns the network's config, with the bands and the ratio of the data.

        Raises:
            UsageError: When no such network can be built.
        """
        try:
            return replace(self.network, bands=len(self.data.bands), ratio=self.data.ratio)
        except ModelError as error:
            raise UsageError(f"[network]: {error}") from error

    def plain(self) -> dict[str, dict[str, Any]]:
        """Returns the sections and their values: the contents of a settings file."""
        network = asdict(self.network)
        training = asdict(self.training)
        schedule = training.pop("schedule")
        return {
            "data": asdict(self.data),
            "network": {name: network[name] for name in KEYS["network"]},
            "training": training,
            "schedule": schedule,
            "run": asdict(self.run),
        }


def _keys(config: type[Any], *hidden: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(config) if field.name not in hidden)


KEYS: Mapping[str, tuple[str, ...]] = {
    "data": _keys(DataConfig),
    "network": _keys(SSDiffConfig, "bands", "ratio"),
    "training": _keys(TrainingConfig, "schedule"),
    "schedule": _keys(Schedule),
    "run": _keys(RunConfig),
}
"""The known names of each section."""


def parse_setting(text: str) -> Setting:
    """Reads ``section.name=value`` of ``--set``; the value is TOML or a plain word.

    Raises:
        UsageError: When it is not of that form.
    """
    place, equals, value = text.partition("=")
    section, dot, name = place.strip().partition(".")
    if not (equals and dot):
        raise UsageError(f"--set {text}: write section.name=value, such as training.lbaf_steps=300")
    try:
        return section, name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return section, name, value.strip()


def read_settings(
    path: Path | None, flags: Sequence[Setting], *, network: Mapping[str, Any]
) -> TrainSettings:
    """Returns the settings of a file, with flags over it.

    Args:
        path: A TOML file of these sections; None: no file.
        flags: Later ones override earlier ones.
        network: Defaults of the section network: those of the model to start from.

    Raises:
        UsageError: When a section, a name or a value is not known, or values do not fit each other.
        InputError: When the file cannot be read.
    """
    values: dict[str, dict[str, Any]] = {section: {} for section in KEYS}
    values["network"] = {"window": 16, **network}
    values["training"] = {"steps": 12000}
    origins: dict[tuple[str, ...], str] = {}
    entries = [(str(path), entry) for entry in (_file_entries(path) if path else ())]
    for origin, entry in [*entries, *(("the command line", flag) for flag in flags)]:
        section, name, value = entry
        _check_known(origin, section, name)
        values[section][name] = value
        origins[section, name] = origin
    try:
        settings = _validated(values)
    except ValidationError as error:
        raise UsageError(_explanation(error.errors()[0], values, origins)) from None
    _check_combination(settings)
    return settings


def _file_entries(path: Path) -> Iterator[Setting]:
    try:
        tables = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error})") from error
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {section} is in no section: known are {', '.join(KEYS)}")
        for name, value in table.items():
            yield section, name, value


def _check_known(origin: str, section: str, name: str) -> None:
    if section not in KEYS:
        raise UsageError(f"{origin}: unknown section [{section}]: known are {', '.join(KEYS)}")
    if name not in KEYS[section]:
        known = ", ".join(sorted(KEYS[section]))
        raise UsageError(f"{origin}: unknown key {section}.{name}: known are {known}")


def _validated(values: Mapping[str, dict[str, Any]]) -> TrainSettings:
    # One band and ratio 4 stand in until the data are known.
    from_data = {"bands": 1, "ratio": values["data"].get("ratio") or 4}
    document = {
        "data": values["data"],
        "network": from_data | values["network"],
        "training": values["training"] | {"schedule": values["schedule"]},
        "run": values["run"],
    }
    # JSON has lists where fields are tuples; apart from that, a strict check converts nothing.
    text = json.dumps(document, default=str)
    return TypeAdapter(TrainSettings).validate_json(text, strict=True)


def _explanation(
    error: ErrorDetails,
    values: Mapping[str, Mapping[str, Any]],
    origins: Mapping[tuple[str, ...], str],
) -> str:
    names = [part for part in error["loc"] if isinstance(part, str)]
    own = error.get("ctx", {}).get("error")
    if own is not None:
        return f"[{names[-1]}]: {own}"
    section, name = names[-2:]
    origin = origins.get((section, name), "--init")
    reason = "a value is missing" if error["type"] == "missing" else error["msg"]
    reason = reason.replace("Input", "it")
    return f"{origin}: {section}.{name} is {values[section][name]!r}: {reason}"


def _check_combination(settings: TrainSettings) -> None:
    network, training = settings.network, settings.training
    if training.size % network.window:
        raise UsageError(
            f"a patch of {training.size} pixels is no multiple of the attention window "
            f"of {network.window}: choose another --patch or --window"
        )
    if training.lbaf_steps and network.variant in get_args(Branch):
        raise UsageError(
            f"network.variant {network.variant} has one branch, L-BAF trains two in turns: "
            "set training.lbaf_steps=0 or choose another"
        )
    if training.total < 1:
        raise UsageError("no steps: training.steps and training.lbaf_steps are both 0")


def read_data_config(cache: Path, settings: Mapping[str, Any]) -> DataConfig:
    """Returns the data of the scenes in a cache.

    Args:
        cache: The file, for messages.
        settings: What it was made of.

    Raises:
        InputError: When another version of ssdiff made the cache.
    """
    try:
        text = json.dumps(settings["data"])
        return TypeAdapter(DataConfig).validate_json(text, strict=True)
    except (KeyError, ValidationError) as error:
        raise InputError(
            f"{cache}: a cache of another version: remove it and give the sources to make it anew"
        ) from error


def write_settings(path: Path, settings: TrainSettings) -> None:
    """Writes the file that gives these settings again."""
    lines = ["# The settings of a training: `ssdiff train --config FILE -o OUT` repeats it."]
    for section, values in settings.plain().items():
        lines += ["", f"[{section}]"]
        # JSON's strings, numbers, booleans and lists are TOML's.
        texts = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
        lines += [f"{name} = {text}" for name, text in texts.items()]
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n")
