"""Fixtures that every room's tests share: simulated scenes, and the real data and golden values beside the repository."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.scenes import SceneFactory

ROOT = Path(__file__).resolve().parent.parent

# A busy machine is no failure.
settings.register_profile(
    "patient", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny images: on a busy machine, threads that wait for each other take thirty times the time of the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def scene_factory(tmp_path: Path) -> SceneFactory:
    """Makes small scenes as GeoTIFFs: see `tests.scenes.SceneFactory`."""
    return SceneFactory(tmp_path / "scenes")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pairs; the test is skipped where it is absent."""
    return _beside("data")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden values; the test is skipped where it is absent."""
    return _beside("golden")


def _beside(name: str) -> Path:
    folder = Path(os.environ.get("SSDIFF_SHARED", ROOT.parent / "shared")) / name
    if not folder.is_dir():
        pytest.skip(
            f"no folder {folder} with the {name} that this test needs (SSDIFF_SHARED names another place)"
        )
    return folder
