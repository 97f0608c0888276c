"""The options of ``ssdiff train``: a group for each section of its settings, and the files of a run."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ssdiff_cli.options.flags import Overwrite, output_option

__all__ = ["DataFlags", "FileFlags", "NetworkFlags", "RunFlags", "TrainingFlags", "chosen"]

_data = partial(typer.Option, rich_help_panel="Data")
_training = partial(typer.Option, metavar="N", rich_help_panel="Training")
_network = partial(typer.Option, metavar="N", rich_help_panel="Network")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlags:
    """Settings of the section ``data``; None is the default."""

    valid: Annotated[
        list[str] | None,
        _data("--valid", metavar="SOURCE[@SENSOR]", help="Validation source; repeatable."),
    ] = None
    bands: Annotated[
        str | None, _data("--bands", metavar="NAME,…", help="Band names. (default: the data's)")
    ] = None
    ratio: Annotated[
        int | None,
        _data("--ratio", metavar="N", help="PAN pixels per MS pixel. (default: the data's)"),
    ] = None
    prior: Annotated[
        Literal["lms", "bt-h"] | None,
        _data("--prior", metavar="lms|bt-h", help="What the network corrects. (default: bt-h)"),
    ] = None
    without: Annotated[
        list[str] | None,
        _data("--without", metavar="SENSOR", help="Leave a sensor out; repeatable."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFlags:
    """Settings of the section ``training``; None is the default."""

    steps: Annotated[int | None, _training(help="Optimiser steps. (default: 12000)")] = None
    decay: Annotated[
        int | None, _training(help="Last steps, over which the rate falls to 0. (default: 3000)")
    ] = None
    learning_rate: Annotated[
        float | None, _training(help="Rate before the decay. (default: 1.5e-3)")
    ] = None
    batch: Annotated[int | None, _training(help="Patches a step. (default: 12)")] = None
    size: Annotated[
        int | None, _training("--patch", help="Side of a patch, PAN pixels. (default: 32)")
    ] = None
    seed: Annotated[int | None, _training(help="Seed of everything random. (default: 1)")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFlags:
    """Settings of the section ``network``; None is the default."""

    dim: Annotated[int | None, _network(help="Channels, a multiple of 16. (default: 32)")] = None
    window: Annotated[int | None, _network(help="Side of the attention windows. (default: 16)")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """Settings of the section ``run``; None is the default."""

    validate_every: Annotated[
        int | None, _training(help="Steps between validations. (default: 1000)")
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"] | None,
        _training(metavar="auto|fp32|bf16", help="Arithmetic. (default: bf16 on CUDA, else fp32)"),
    ] = None
    compile: Annotated[
        bool | None, _training("--compile/--no-compile", help="Compile the network on CUDA.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFlags:
    """The files of a run, and settings that have no option of their own."""

    output: Annotated[
        Path, output_option("--output", "-o", metavar="FILE", help="Model to write (.safetensors).")
    ]
    overwrite: Overwrite = False
    cache: Annotated[
        str | None,
        output_option(
            "--cache", metavar="FILE|none", help="Scenes in 16 bits. (default: beside the output)"
        ),
    ] = None
    config: Annotated[
        Path | None,
        _training("--config", metavar="FILE.toml", help="Settings; options come first."),
    ] = None
    changes: Annotated[
        list[str] | None,
        _training("--set", metavar="SECTION.KEY=VALUE", help="Any setting; repeatable."),
    ] = None
    init: Annotated[
        Path | None,
        _network("--init", metavar="NAME|FILE", help="Model whose weights to start from."),
    ] = None


def chosen(section: str, flags: Any) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 (a group)
    """Yields section, name and value of each setting that an option names."""
    for field in fields(flags):
        value = getattr(flags, field.name)
        if value is not None:
            yield section, field.name, value
