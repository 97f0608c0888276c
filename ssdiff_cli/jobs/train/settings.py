"""The configuration of a training: dataclasses, a TOML file of their fields, and flags over it."""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ssdiff_models.checkpoint import PriorName
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import InputError, ModelError, UsageError
from ssdiff_models.files import atomic
from ssdiff_models.nets.ssdiff import Branch, SSDiffConfig
from ssdiff_models.training.loop import TrainingConfig

__all__ = ["DataConfig", "RunConfig", "TrainSettings", "read_settings", "setting", "write_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The data of a training; with the files themselves, everything that decides its scenes."""

    sources: tuple[str, ...] = ()
    """A folder with an index.json, a PanCollection file or ``pan.tif,ms.tif`` each, ``@sensor`` behind it."""
    valid: tuple[str, ...] = ()
    """More of them, all for validation."""
    bands: tuple[str, ...] = ()
    """Bands of the model by name; none: those of the data."""
    ratio: int = 0
    """PAN pixels per MS pixel; 0: that of the data."""
    prior: PriorName = "bt-h"
    """What the network corrects."""
    without: tuple[str, ...] = ()
    """Sensors left out."""
    limit: int = 0
    """Most patches taken from each patch file, evenly spread; 0: all."""
    valid_limit: int = 64
    """The same of patch files for validation."""
    variants: bool = False
    """Whether each scene of a pair also trains at half its scale, sharper, with another PAN, and with noise."""
    simulated: tuple[str, ...] = ()
    """Sensors whose simulated scenes also train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What does not change the weights: when to look and save, and how to compute."""

    validate_every: int = 1000
    """Steps between validations."""
    save_every: int = 250
    """Steps between states that a run continues from."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the network; bfloat16 on CUDA unless told otherwise."""
    compile: bool = False
    """Whether the network is compiled on CUDA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """All of it. The network's bands and ratio are those of the data."""

    data: DataConfig = field(default_factory=DataConfig)
    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SSDiffConfig` other than its bands and ratio."""
    training: TrainingConfig
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Refuses a network that cannot be, before any data are read.

        Raises:
            UsageError: As `network_config`.
        """
        stand_in = replace(self.data, bands=self.data.bands or ("any",), ratio=self.data.ratio or 4)
        replace(self, data=stand_in).network_config()

    def network_config(self) -> SSDiffConfig:
        """Returns the network's config.

        Raises:
            UsageError: When no such network can be built, or patches do not fit it.
        """
        try:
            config = SSDiffConfig(bands=len(self.data.bands), ratio=self.data.ratio, **self.network)
        except ModelError as error:
            raise UsageError(f"[network]: {error}") from error
        if self.training.size % config.window:
            raise UsageError(
                f"a patch of {self.training.size} pixels is no multiple of the attention window of {config.window}: "
                "choose another --patch or --window"
            )
        if self.training.lbaf_steps and config.variant in get_args(Branch):
            raise UsageError(
                f"network.variant {config.variant} has one branch, L-BAF trains two in turns: set training.lbaf_steps=0 or choose another"
            )
        return config

    def plain(self) -> dict[str, dict[str, Any]]:
        """Returns the sections and their values: what the file of settings holds."""
        training = asdict(self.training)
        schedule = training.pop("schedule")
        network = asdict(self.network_config())
        return {
            "data": asdict(self.data),
            "network": {name: value for name, value in network.items() if name not in FROM_DATA},
            "training": training,
            "schedule": schedule,
            "run": asdict(self.run),
        }


FROM_DATA = ("bands", "ratio")
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "network": {"window": 16},
    "training": {"steps": 12000},
}
"""Where the command starts from something else than the fields do."""
POSITIVE = 1e-12
LEAST: Mapping[str, Mapping[str, float]] = {
    "data": {"ratio": 0, "limit": 0, "valid_limit": 1},
    "run": {"validate_every": 1, "save_every": 1},
    "training": {
        **dict.fromkeys(("steps", "warmup", "decay", "lbaf_steps", "seed", "weight_decay"), 0),
        **dict.fromkeys(("ema", "lbaf_share", "lbaf_rate", "gain_jitter", "band_jitter"), 0),
        **dict.fromkeys(("batch", "lbaf_block"), 1),
        **dict.fromkeys(("learning_rate", "clip", "residual_scale"), POSITIVE),
        "size": 8,
    },
}
MOST: Mapping[str, Mapping[str, float]] = {"training": {"ema": 1, "lbaf_share": 1}}


def _sections() -> dict[str, dict[str, Any]]:
    """Returns the types of all known values, by section."""
    types = {
        "data": get_type_hints(DataConfig),
        "network": get_type_hints(SSDiffConfig),
        "training": get_type_hints(TrainingConfig),
        "schedule": get_type_hints(Schedule),
        "run": get_type_hints(RunConfig),
    }
    hidden = {"network": FROM_DATA, "training": ("schedule",)}
    return {
        section: {name: kind for name, kind in known.items() if name not in hidden.get(section, ())}
        for section, known in types.items()
    }


def setting(text: str) -> tuple[str, str, Any]:
    """Reads ``section.name=value`` of ``--set``; the value as TOML has it, or a plain word.

    Raises:
        UsageError: When it is not of that form.
    """
    place, mark, value = text.partition("=")
    section, dot, name = place.strip().partition(".")
    if not (mark and dot):
        raise UsageError(f"--set {text}: write section.name=value, such as training.lbaf_steps=300")
    try:
        return section, name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return section, name, value.strip()


def read_settings(
    path: Path | None, flags: Sequence[tuple[str, str, Any]], *, network: Mapping[str, Any]
) -> TrainSettings:
    """Returns the settings of a file, with flags over it.

    Args:
        path: A TOML file with the sections data, network, training, schedule and run; None: no file.
        flags: Section, name and value each, in the order they count.
        network: The network's fields unless file or flags name others, of a model that is trained on, say.

    Raises:
        UsageError: When a section, a name or a value is not known.
        InputError: When the file cannot be read.
    """
    values: dict[str, dict[str, Any]] = {
        section: dict(DEFAULTS.get(section, {})) for section in _sections()
    }
    values["network"].update(network)
    if path is not None:
        for section, table in _load(path).items():
            for name, value in table.items() if isinstance(table, dict) else [("", table)]:
                values.setdefault(section, {})[name] = _checked(section, name, value, str(path))
    for section, name, value in flags:
        values.setdefault(section, {})[name] = _checked(section, name, value, "the command line")
    training = TrainingConfig(**values["training"])
    settings = TrainSettings(
        data=DataConfig(**values["data"]),
        network=values["network"],
        training=replace(training, schedule=_schedule(values["schedule"])),
        run=RunConfig(**values["run"]),
    )
    if training.total < 1:
        raise UsageError("no steps: training.steps and training.lbaf_steps are both 0")
    return settings


def _schedule(values: Mapping[str, Any]) -> Schedule:
    try:
        return Schedule(**values)
    except ModelError as error:
        raise UsageError(f"[schedule]: {error}") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error})") from error


def _checked(section: str, name: str, value: Any, origin: str) -> Any:  # noqa: ANN401
    """Returns the value as its field wants it."""
    known = _sections()
    if section not in known:
        raise UsageError(f"{origin}: unknown section [{section}]: known are {', '.join(known)}")
    if name not in known[section]:
        raise UsageError(
            f"{origin}: unknown key {section}.{name}: known are {', '.join(sorted(known[section]))}"
        )
    kind = known[section][name]
    try:
        fitted = _fitted(value, kind)
    except ValueError as error:
        raise UsageError(f"{origin}: {section}.{name} is {value!r}, but must be {error}") from None
    least, most = (
        LEAST.get(section, {}).get(name, -math.inf),
        MOST.get(section, {}).get(name, math.inf),
    )
    if isinstance(fitted, int | float) and not least <= fitted <= most:
        raise UsageError(
            f"{origin}: {section}.{name} is {value!r}, but must be {_bounds(least, most)}"
        )
    return fitted


def _bounds(least: float, most: float) -> str:
    if most < math.inf:
        return f"between {least:g} and {most:g}"
    return "positive" if least == POSITIVE else f"at least {least:g}"


def _fitted(value: Any, kind: Any) -> Any:  # noqa: ANN401
    """Returns `value` as `kind`, or raises a ValueError with what it must be."""
    if get_origin(kind) is Literal:
        return _one_of(value, get_args(kind))
    if get_origin(kind) in {Union, UnionType}:
        return (
            None
            if value is None
            else _fitted(value, next(part for part in get_args(kind) if part is not NoneType))
        )
    if get_origin(kind) is tuple:
        return _tuple(value, get_args(kind))
    return _scalar(value, kind)


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401
    if value not in choices:
        raise ValueError(f"one of {', '.join(map(str, choices))}")
    return value


def _tuple(value: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ANN401
    items = (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )
    size = None if parts[-1] is ... else len(parts)
    if not isinstance(items, list | tuple) or size not in {None, len(items)}:
        raise ValueError("a list" if size is None else f"a list of {size} values")
    return tuple(_fitted(item, parts[0]) for item in items)


def _scalar(value: Any, kind: Any) -> Any:  # noqa: ANN401
    names = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(names[kind])
    return value


def write_settings(path: Path, settings: TrainSettings) -> None:
    """Writes the file that gives these settings again."""
    lines = ["# The settings of a training: `ssdiff train --config FILE -o OUT` repeats it."]
    for section, values in settings.plain().items():
        lines += [
            "",
            f"[{section}]",
            *(f"{name} = {_toml(value)}" for name, value in values.items()),
        ]
    with atomic(path) as part:
        part.write_text("\n".join(lines) + "\n")


def _toml(value: Any) -> str:  # noqa: ANN401
    # JSON's strings, numbers, booleans and lists are TOML's.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
