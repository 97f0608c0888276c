"""The options of ``ssdiff train``: the sections of its settings, and the files of a run."""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal

from ssdiff_cli.options.expand import group_values, section
from ssdiff_cli.options.flags import Overwrite

__all__ = ["DataFlags", "FileFlags", "NetworkFlags", "RunFlags", "TrainingFlags", "chosen"]

_output = section("Output")
_data = section("Data")
_training = section("Training")
_network = section("Network")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlags:
    """Settings of the section ``data``; None is the default."""

    valid: list[str] | None = _data(
        metavar="SOURCE[@SENSOR]", help="Source for validation; repeatable."
    )
    bands: str | None = _data(metavar="NAME,…", help="Bands by name. (default: the data's)")
    ratio: int | None = _data(help="PAN pixels per MS pixel. (default: the data's)")
    prior: Literal["lms", "bt-h"] | None = _data(help="What the network corrects. (default: bt-h)")
    without: list[str] | None = _data(metavar="SENSOR", help="Leave a sensor out; repeatable.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFlags:
    """Settings of the section ``training``; None is the default."""

    steps: int | None = _training(help="Optimiser steps. (default: 12000)")
    decay: int | None = _training(
        help="Last steps, over which the rate falls to 0. (default: 3000)"
    )
    learning_rate: float | None = _training(help="Rate before the decay. (default: 1.5e-3)")
    batch: int | None = _training(help="Patches a step. (default: 12)")
    size: int | None = _training("--patch", help="Side of a patch, PAN pixels. (default: 32)")
    seed: int | None = _training(help="Seed of everything random. (default: 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFlags:
    """Settings of the section ``network``; None is the default."""

    dim: int | None = _network(help="Channels, a multiple of 16. (default: 32)")
    window: int | None = _network(help="Side of attention windows. (default: 16)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """Settings of the section ``run``; None is the default."""

    validate_every: int | None = _training(help="Steps between validations. (default: 1000)")
    precision: Literal["auto", "fp32", "bf16"] | None = _training(
        help="Arithmetic. (default: bf16 on CUDA, else fp32)"
    )
    compile: bool | None = _training("--compile/--no-compile", help="Compile the network on CUDA.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFlags:
    """The files of a run, and settings that have no option of their own."""

    output: Path = _output(
        "-o", default=MISSING, metavar="FILE", help="Model to write (.safetensors)."
    )
    overwrite: Overwrite = False
    cache: str | None = _output(
        metavar="FILE|none", help="Scenes in 16 bits. (default: beside the output)"
    )
    config: Path | None = _training(metavar="FILE.toml", help="Settings; options come first.")
    changes: list[str] | None = _training(
        "--set", metavar="SECTION.KEY=VALUE", help="Any setting; repeatable."
    )
    init: Path | None = _network(metavar="NAME|FILE", help="Model whose weights to start from.")


def chosen(**groups: object) -> Iterator[tuple[str, str, Any]]:
    """Yields section, name and value of each setting that an option of the sections names."""
    for title, group in groups.items():
        for name, value in group_values(group).items():
            if value is not None:
                yield title, name, value
