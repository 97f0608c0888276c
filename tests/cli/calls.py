"""How tests of the commands call them, and a model so small that they take no time."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from ssdiff_cli.app import app
from ssdiff_models.checkpoint import save_checkpoint
from tests.models.tiny import model

__all__ = ["answer", "refusal", "save_tiny", "ssdiff"]


def ssdiff(*words: str | Path | float, text: str | None = None) -> Result:
    """Runs a command line; `text` is its stdin."""
    return CliRunner().invoke(app, [str(word) for word in words], input=text)


def answer(*words: str | Path | float) -> dict[str, Any]:
    """Runs a command line that ends well, with ``--json``, and returns what it prints."""
    done = ssdiff(*words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(done: Result, code: int) -> str:
    """Returns the one line an error gets."""
    assert done.exit_code == code, done.output
    (line,) = done.stderr.splitlines()
    return line


def save_tiny(folder: Path, **changes: Any) -> Path:
    """Writes a model of four bands with random weights."""
    path = folder / "tiny.safetensors"
    save_checkpoint(
        path,
        model(bands=("blue", "green", "red", "nir"), **({"tile": 48, "overlap": 16} | changes)),
    )
    return path
