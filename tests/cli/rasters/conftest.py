"""Fixtures of the raster tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ssdiff_cli.rasters.gdal import raster_env
from tests.cli.rasters.fields import Rasters


@pytest.fixture
def rasters(tmp_path: Path) -> Iterator[Rasters]:
    with raster_env():
        yield Rasters(folder=tmp_path)
