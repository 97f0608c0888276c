"""The scenes of `benchmarks.same_bytes`: simulated ones, and copies with quirks of real files."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.warp import Resampling, reproject, transform_bounds

__all__ = ["REAL", "SIMULATED", "make_scenes"]

Pixels = npt.NDArray[Any]
Profile = dict[str, Any]
Change = Callable[[Pixels, Profile], tuple[Pixels, Profile]]

SIMULATED = {
    "qb": ("qb", 192, 1),
    "large": ("qb", 512, 5),
    "wv2": ("wv2", 128, 2),
    "landsat": ("landsat8", 128, 3),
}
"""By folder: the sensor, the PAN's side in pixels, the seed."""
REAL = {
    "gaofen2": ("gaofen2/ucgan-fr-0", "gf2"),
    "spot67": ("spot67/otbtf", "spot6"),
    "worldview3": ("worldview3/zpnn-example", "wv3"),
    "eo1ali": ("eo1ali/hysure-paris", "generic"),
}
"""By name: a small pair of the folder of real ones, and its sensor."""
OTHER_CRS = "EPSG:32632"


def make_scenes(folder: Path, data: Path, simulate: Callable[..., None]) -> dict[str, str]:
    """Makes all scenes; returns, by name, the words ``PAN MS`` for a neighbour of `folder`.

    Args:
        folder: Where they are made.
        data: Folder of real pairs; those that are not there are left out.
        simulate: Runs ``ssdiff simulate`` with these words.
    """
    folder.mkdir()
    for name, (sensor, size, seed) in SIMULATED.items():
        simulate(str(folder / name), "--sensor", sensor, "--size", str(size), "--seed", str(seed))
    for name, (pan, ms) in CHANGES.items():
        (folder / name).mkdir()
        _copy(folder / "qb" / "pan.tif", folder / name / "pan.tif", pan)
        _copy(folder / "qb" / "ms.tif", folder / name / "ms.tif", ms)
    for name, (path, _) in REAL.items():
        if (data / path / "pan.tif").exists():
            (folder / name).symlink_to(data.resolve() / path)
    _write_area(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return {name: f"../scenes/{name}/pan.tif ../scenes/{name}/ms.tif" for name in names}


def _copy(source: Path, target: Path, change: Change) -> None:
    with rasterio.open(source) as file:
        names = file.descriptions
        pixels, profile = change(file.read(), dict(file.profile))
    # Sides that are no multiple of 16 cannot be stored in tiles of the source's size.
    for key in ("blockxsize", "blockysize", "tiled"):
        profile.pop(key, None)
    with rasterio.open(target, "w", **profile) as file:
        file.write(pixels)
        file.descriptions = names


def _same(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    return pixels, profile


def _turned(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    """Turns the grid by 20 degrees around a corner of the scene."""
    x, y = 448_000.0, 5_412_000.0
    turn = Affine.translation(x, y) @ Affine.rotation(20) @ Affine.translation(-x, -y)
    return pixels, profile | {"transform": turn @ profile["transform"]}


def _hole_in_pan(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    return _with_hole(pixels, slice(0, 40), slice(0, 55)), profile | {"nodata": 0}


def _hole_in_ms(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    return _with_hole(pixels, slice(25, 33), slice(20, 31)), profile | {"nodata": 0}


def _with_hole(pixels: Pixels, rows: slice, cols: slice) -> Pixels:
    changed = np.maximum(pixels, 1)
    changed[:, rows, cols] = 0
    return changed


def _shifted(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    return pixels, profile | {"transform": profile["transform"] @ Affine.translation(0.6, -0.4)}


def _drifting(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    return pixels, profile | {"transform": profile["transform"] @ Affine.scale(4.03 / 4)}


def _bytes(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    # Without it GDAL takes the last of four bands for alpha.
    kind = {"dtype": "uint8", "photometric": "minisblack"}
    return np.rint(pixels * (255 / 2047)).clip(1, 255).astype("uint8"), profile | kind


def _control_points(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    """Replaces the transform by its control points."""
    place, rows, cols = profile.pop("transform"), profile["height"], profile["width"]
    points = []
    for row in np.linspace(0, rows, 4):
        for col in np.linspace(0, cols, 4):
            x, y = place @ (col, row)
            points.append(GroundControlPoint(row=row, col=col, x=x, y=y))
    return pixels, profile | {"gcps": points}


def _warped(pixels: Pixels, profile: Profile) -> tuple[Pixels, Profile]:
    """Resamples to the neighbouring UTM zone."""
    place, rows, cols = profile["transform"], profile["height"], profile["width"]
    bounds = rasterio.transform.array_bounds(rows, cols, place)
    left, bottom, right, top = transform_bounds(profile["crs"], OTHER_CRS, *bounds)
    pixel = place.a
    width, height = math.ceil((right - left) / pixel), math.ceil((top - bottom) / pixel)
    target = Affine(pixel, 0, left, 0, -pixel, top)
    warped = np.zeros((len(pixels), height, width), "float32")
    reproject(
        pixels.astype("float32"), warped, src_transform=place, src_crs=profile["crs"],
        dst_transform=target, dst_crs=OTHER_CRS, resampling=Resampling.cubic,
    )  # fmt: skip
    grid = {"crs": OTHER_CRS, "transform": target, "width": width, "height": height, "nodata": 0}
    return warped.round().clip(0, 65_535).astype(pixels.dtype), profile | grid


CHANGES: dict[str, tuple[Change, Change]] = {
    "rotated": (_turned, _turned),
    "pan-rotated": (_turned, _same),
    "holes": (_hole_in_pan, _hole_in_ms),
    "shifted": (_same, _shifted),
    "drifting": (_same, _drifting),
    "uint8": (_bytes, _bytes),
    "gcps": (_same, _control_points),
    "both-gcps": (_control_points, _control_points),
    "other-crs": (_same, _warped),
}
"""By name: what is done to the PAN and to the MS of ``qb``."""


def _write_area(folder: Path) -> None:
    """Writes a triangle inside ``qb`` as GeoJSON."""
    with rasterio.open(folder / "qb" / "pan.tif") as file:
        corners = [file.transform @ corner for corner in ((20, 20), (170, 60), (60, 180), (20, 20))]
        crs = {
            "type": "name",
            "properties": {"name": f"urn:ogc:def:crs:EPSG::{file.crs.to_epsg()}"},
        }
    area = {"type": "Polygon", "coordinates": [corners], "crs": crs}
    (folder / "aoi.json").write_text(json.dumps(area), encoding="utf-8")
