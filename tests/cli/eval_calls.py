"""How tests of ``ssdiff eval`` call it, and products for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import Result

from ssdiff_cli.jobs.simulate import pan_transform
from ssdiff_cli.rasters.whole_raster import GeoTiff, write_geotiff
from tests.cli.calls import answer, ssdiff
from tests.scenes import UTM, Scene

__all__ = ["evaluate", "product", "scores"]


def evaluate(*words: str | Path) -> Result:
    """Runs ``ssdiff eval``."""
    return ssdiff("eval", *words)


def scores(*words: str | Path) -> dict[str, Any]:
    """Returns what ``ssdiff eval --json`` prints."""
    return answer("eval", *words)


def product(scene: Scene, path: Path, pixels: Any = None, **changes: Any) -> Path:
    """Writes a product on the scene's PAN grid: the truth with noise, or other pixels."""
    truth = scene.pair.truth
    noisy = truth + np.random.default_rng(0).normal(0, 20, truth.shape)
    image = np.rint(noisy).clip(0, 65535).astype(np.uint16) if pixels is None else pixels
    header = GeoTiff(
        transform=pan_transform(scene.sensor.pan_gsd), crs=UTM, names=scene.sensor.bands
    )
    write_geotiff(path, image, replace(header, **changes))
    return path
