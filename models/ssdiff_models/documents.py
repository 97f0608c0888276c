"""Text files of users, which may be damaged, huge, or made to harm: read within bounds."""

import io
import json
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["LARGEST_TEXT", "parsed_json", "parsed_toml", "read_text"]

LARGEST_TEXT = 32 * 2**20
"""Bytes of a text file; lists and polygons of this size would take minutes, too."""


def read_text(path: str | Path) -> str:
    """Reads a text in UTF-8.

    Raises:
        OSError: When it cannot be read.
        ValueError: When it is larger than `LARGEST_TEXT` or no UTF-8, or no file has such a name.
    """
    with Path(path).open("rb") as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise ValueError(f"it is larger than {LARGEST_TEXT >> 20} MB")
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()


def parsed_json(text: str | bytes) -> Any:  # noqa: ANN401 (what JSON holds)
    """Parses JSON.

    Raises:
        ValueError: When it is none, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parsed_toml(text: str) -> dict[str, Any]:
    """Parses TOML.

    Raises:
        ValueError: When it is none, nested too deeply, or a number is too long.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
