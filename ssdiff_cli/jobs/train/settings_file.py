"""A TOML file of training settings and flags over it, checked against the dataclasses."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ssdiff_cli.jobs.train.settings import (
    KEYS,
    TRAINED,
    DataConfig,
    RunConfig,
    TrainSettings,
    network_keys,
)
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.documents import parsed_toml, read_text
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.files import atomic
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.registry import NETWORKS
from ssdiff_models.training.config import TrainingConfig

__all__ = ["Setting", "parse_setting", "read_data_config", "read_settings", "write_settings"]

LARGEST_INTEGER = 2**63 - 1
LARGEST_SIZE = 8192
LARGEST_NUMBER = 1e30
"""Beyond these, neither torch nor a file can hold a number, nor a machine such a network."""
Setting = tuple[str, str, Any]
"""Section, name and value."""


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
        return section, name, parsed_toml(f"value = {value}")["value"]
    except ValueError:
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
    entries = [(str(path), entry) for entry in (_file_entries(path) if path else ())]
    entries += [("the command line", flag) for flag in flags]
    chosen = _network_name(entries, network.get("name", "ssdiff"))
    values: dict[str, dict[str, Any]] = {section: {} for section in KEYS}
    values["training"] = {"steps": 12000}
    for section, recipe in NETWORKS[chosen].recipe.items():
        values[section] |= recipe
    if network.get("name") == chosen:
        values["network"] |= network
    origins: dict[tuple[str, ...], str] = {}
    for origin, (section, name, value) in entries:
        _check_known(origin, section, name, chosen)
        largest = LARGEST_SIZE if section == "network" else LARGEST_INTEGER
        _check_size(f"{origin}: {section}.{name}", value, largest)
        values[section][name] = value
        origins[section, name] = origin
    settings = _validated(values, chosen, origins)
    _check_combination(settings)
    return settings


def _network_name(entries: Sequence[tuple[str, Setting]], default: str) -> str:
    """Returns the network that entries name last."""
    name = default
    for origin, (section, key, value) in entries:
        if (section, key) == ("network", "name"):
            if value not in TRAINED:
                raise UsageError(
                    f"{origin}: no network {value!r} to train: known are {', '.join(TRAINED)}"
                )
            name = value
    return name


def _file_entries(path: Path) -> Iterator[Setting]:
    try:
        tables = parsed_toml(read_text(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not TOML ({error})") from error
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {section} is in no section: known are {', '.join(KEYS)}")
        for name, value in table.items():
            yield section, name, value


def _check_known(origin: str, section: str, name: str, network: str) -> None:
    if section not in KEYS:
        raise UsageError(f"{origin}: unknown section [{section}]: known are {', '.join(KEYS)}")
    known = KEYS[section]
    if section == "network":
        known += network_keys(network)
        others = [other for other in TRAINED if name in network_keys(other)]
        if others and name not in known:
            raise UsageError(
                f"{origin}: {section}.{name} is a setting of {', '.join(others)}, "
                f"not of {network}: leave it out"
            )
    if name not in known:
        names = ", ".join(sorted(known))
        raise UsageError(f"{origin}: unknown key {section}.{name}: known are {names}")


def _check_size(what: str, value: object, largest: int) -> None:
    """Refuses integers above the largest one, and floats above `LARGEST_NUMBER`."""
    values = value if isinstance(value, list) else [value]
    for number in values:
        if isinstance(number, int) and abs(number) > largest:
            raise UsageError(f"{what} is too large: give a number up to {largest}")
        if isinstance(number, float) and not abs(number) <= LARGEST_NUMBER:
            raise UsageError(f"{what} is {number:g}: give a finite number up to 1e30")


def _validated(
    values: Mapping[str, dict[str, Any]], name: str, origins: Mapping[tuple[str, ...], str]
) -> TrainSettings:
    # One band and ratio 4 stand in until the data are known.
    from_data = {"bands": 1, "ratio": values["data"].get("ratio") or 4}
    network = {key: value for key, value in values["network"].items() if key != "name"}
    sections: dict[str, tuple[type[Any], dict[str, Any]]] = {
        "data": (DataConfig, values["data"]),
        "network": (NETWORKS[name].config, from_data | network),
        "training": (TrainingConfig, values["training"] | {"schedule": values["schedule"]}),
        "run": (RunConfig, values["run"]),
    }
    valid: dict[str, Any] = {}
    for section, (kind, document) in sections.items():
        # JSON has lists where fields are tuples; apart from that, a strict check converts nothing.
        text = json.dumps(document, default=str)
        try:
            valid[section] = TypeAdapter(kind).validate_json(text, strict=True)
        except ValidationError as error:
            reason = _explanation(section, error.errors()[0], values, origins)
            raise UsageError(reason) from None
    return TrainSettings(name=name, **valid)


def _explanation(
    section: str,
    error: ErrorDetails,
    values: Mapping[str, Mapping[str, Any]],
    origins: Mapping[tuple[str, ...], str],
) -> str:
    names = [section, *(part for part in error["loc"] if isinstance(part, str))]
    own = error.get("ctx", {}).get("error")
    if own is not None:
        return f"[{names[-1]}]: {own}"
    section, name = names[-2:]
    origin = origins.get((section, name), "--init")
    reason = "a value is missing" if error["type"] == "missing" else error["msg"]
    reason = reason.replace("Input", "it")
    return f"{origin}: {section}.{name} is {values[section][name]!r}: {reason}"


def _check_combination(settings: TrainSettings) -> None:
    training = settings.training
    with torch.device("meta"):
        network = settings.kind.build(settings.network)
    if not network.fits(training.size):
        raise UsageError(
            f"a patch of {training.size} pixels is no multiple of {network.multiple}, "
            f"the window of {settings.name}: choose another --patch, or --window where it has one"
        )
    if training.lbaf_steps and not _branches(network):
        raise UsageError(
            f"{settings.name}, as set, has one branch, L-BAF trains two in turns: "
            "set training.lbaf_steps=0 or choose another network.name or network.variant"
        )
    if not network.diffuses and (training.residual_scale, training.schedule) != (1.0, Schedule()):
        raise UsageError(
            f"{settings.name} knows no diffusion: leave out training.residual_scale "
            "and the section schedule"
        )
    if training.total < 1:
        raise UsageError("no steps: training.steps and training.lbaf_steps are both 0")


def _branches(network: Network) -> set[str]:
    branches = {network.branch_of(name) for name, _ in network.named_parameters()}
    return {branch for branch in branches if branch is not None}


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
