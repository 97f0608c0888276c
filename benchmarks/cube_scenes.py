"""Makes scenes with truth at full resolution from the cubes of a folder: pan.tif and gt.tif a scene, and an index.json.

Usage: ``python -m benchmarks.cube_scenes FOLDER OUT [--sensor qb --sensor wv3 …]``

Bands and PAN are weighted sums of a cube's channels by the sensor's spectral responses, each scene once as crisp as the cube and once
through the PAN's optics: the truth has the PAN's detail, as at full resolution. `ssdiff train FOLDER OUT` and `benchmarks.quality OUT` take
the result. Cubes with named bands instead of wavelengths keep their bands.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from ssdiff_cli.jobs.train.pairs import band_indexes
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor
from ssdiff_models.simulation.acquisition import blurred_by_optics
from ssdiff_models.simulation.responses import channel_weights
from ssdiff_models.simulation.spectra import WAVELENGTHS

Floats = npt.NDArray[np.float32]
SEEN = 0.7
"""Part of a response that a cube's channels must cover."""
ALIASED = "opengeos"
"""Pieces that were decimated without a low-pass: halved by means first."""
BRIGHT = 1600.0
"""DN of the 99.9th percentile."""


def main(arguments: Sequence[str]) -> None:
    """Writes the scenes and their index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sensor", action="append", default=[])
    options = parser.parse_args(arguments)
    records = []
    for cube in json.loads((options.folder / "index.json").read_text())["cubes"]:
        for name in options.sensor or ["qb", "wv3"]:
            records += _scenes(options.folder, options.out, cube, sensors.get(name))
    (options.out / "index.json").write_text(json.dumps({"pairs": records}, indent=1))
    sys.stdout.write(f"{len(records)} scenes in {options.out}\n")


def _scenes(
    folder: Path, out: Path, cube: dict[str, Any], sensor: Sensor
) -> Iterator[dict[str, Any]]:
    """Writes a cube's scenes of one sensor and yields their records; none where it lacks bands."""
    images = _images(folder / cube["path"] / "cube.tif", cube["bands"] or (), sensor)
    if images is None:
        return
    if ALIASED in cube["path"]:
        rows, cols = (size // 2 * 2 for size in images.shape[1:])
        images = images[:, :rows, :cols].reshape(len(images), rows // 2, 2, cols // 2, 2)
        images = images.mean((2, 4))
    images *= BRIGHT / np.percentile(images, 99.9)
    images = np.maximum(images, 1)
    crisp = {"": images, "-optics": blurred_by_optics(images, sensor.pan_gain)}
    for suffix, made in crisp.items():
        path = Path(sensor.name) / (Path(cube["path"]).name + suffix)
        (out / path).mkdir(parents=True, exist_ok=True)
        _write(out / path / "pan.tif", made[-1:])
        _write(out / path / "gt.tif", made[:-1])
        yield {
            "path": str(path),
            "sensor": sensor.title,
            "split": cube["split"],
            "ratio": sensor.ratio,
            "bands": list(sensor.bands),
            "has_gt": True,
        }


def _images(path: Path, names: Sequence[str], sensor: Sensor) -> Floats | None:
    """Returns the sensor's bands and its PAN, ``(bands + 1, rows, cols)``."""
    weights = channel_weights(sensor)
    with rasterio.open(path) as dataset:
        pixels = np.maximum(dataset.read().astype(np.float32), 0)
        tags = [dataset.tags(index).get("wavelength_nm") for index in dataset.indexes]
    if names:
        order = band_indexes(names, sensor.bands)
        if not order:
            return None
        bands = pixels[list(order)]
        shares = weights[:-1] @ weights[-1]
        pan = np.tensordot(shares / shares.sum(), bands, 1)[None]
        return np.concatenate([bands, pan]).astype(np.float32)
    waves = np.array(tags, dtype=float)
    order = np.argsort(waves)
    matrix = _interpolation(waves[order])
    covered = weights[:, matrix.any(1)].sum(1)
    if covered.min() < SEEN:
        return None
    channels = weights @ matrix
    channels /= channels.sum(1, keepdims=True)
    return np.tensordot(channels, pixels[order], 1).astype(np.float32)


def _interpolation(waves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns ``(WAVELENGTHS, channels)`` that interpolates linearly inside the channels' range."""
    inside = (waves[0] - 5 <= WAVELENGTHS) & (waves[-1] + 5 >= WAVELENGTHS)
    columns = [np.interp(WAVELENGTHS, waves, unit) * inside for unit in np.eye(len(waves))]
    return np.stack(columns, 1)


def _write(path: Path, pixels: Floats) -> None:
    count, rows, cols = pixels.shape
    profile = {"driver": "GTiff", "dtype": "float32", "count": count, "height": rows, "width": cols}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)


if __name__ == "__main__":
    main(sys.argv[1:])
