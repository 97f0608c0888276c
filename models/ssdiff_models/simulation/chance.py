"""Random numbers of a scene: one generator for each of its parts, and choices."""

import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import TypeVar

import numpy as np

__all__ = ["Random", "draw", "generator", "pick"]

Random = np.random.Generator
Option = TypeVar("Option")

_PATH = resources.files(__package__).joinpath("choices.toml")
_CHOICES = tomllib.loads(_PATH.read_text(encoding="utf-8"))


def generator(seed: int, part: int) -> Random:
    """Gives every part of a scene its own numbers, so a change in one leaves others alone."""
    sequence = np.random.SeedSequence([seed, part])
    return np.random.Generator(np.random.PCG64(sequence))


def pick(rng: Random, options: Sequence[Option]) -> Option:
    """Returns one of the options; all are equally likely."""
    number = rng.choice(len(options))
    return options[number]


def draw(rng: Random, name: str) -> str:
    """Returns an entry of a list or table of `choices.toml`."""
    entries: list[str] | dict[str, float] = _CHOICES[name]
    if isinstance(entries, list):
        return pick(rng, entries)
    names = list(entries)
    number = rng.choice(len(names), p=list(entries.values()))
    return names[number]
