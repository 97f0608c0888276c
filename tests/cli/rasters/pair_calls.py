"""A pair that the tests of pairs open, and how it is refused."""

from typing import Any

import numpy as np
import pytest

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError, UsageError
from tests.cli.rasters.fields import Rasters, north_up

__all__ = ["MS", "PAN", "pair_files", "refusal"]

PAN = north_up(500_000.0, 4_600_000.0, 1.0)
MS = north_up(500_000.0, 4_600_000.0, 4.0)


def pair_files(rasters: Rasters) -> tuple[str, str]:
    """Writes a PAN and an MS of noise and returns their paths."""
    rng = np.random.default_rng(2)
    pan, ms = (
        rng.integers(1, 2000, (1, 200, 240)).astype(np.uint16),
        rng.integers(1, 2000, (4, 50, 60)).astype(np.uint16),
    )
    return rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms, MS)


def refusal(pan: str, ms: str, **options: Any) -> str:
    """Returns the one line with which a pair is refused."""
    with (
        pytest.raises((InputError, UsageError)) as caught,
        open_pair(pan, ms, options=PairOptions(**options)),
    ):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message
