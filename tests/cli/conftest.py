"""What all tests of the tool need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ssdiff_cli import console
from tests.cli.calls import save_tiny
from tests.cli.sharpening import Run, runner


@pytest.fixture(autouse=True)
def default_verbosity() -> Iterator[None]:
    """Flags of one call must not last."""
    console.adjust_verbosity(0, 0)
    yield
    console.adjust_verbosity(0, 0)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four bands as a file."""
    return save_tiny(tmp_path_factory.mktemp("model"), overlap=8, residual_scale=5.0)


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Run:
    """Sharpens a scene with the tiny model into ``out.tif``."""
    return runner(tiny, tmp_path)
