"""Longitudes may be counted from either side of the antimeridian."""

import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.warp import transform

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Array, Rasters, north_up
from tests.cli.rasters.pair_calls import refusal

DEGREE = 1 / 111_320
RIGHT, DOWN = 30 * DEGREE / np.cos(np.deg2rad(52)), 30 * DEGREE
ALL = Window(row=0, col=0, rows=256, cols=256)
NOISE = np.random.default_rng(0).integers(1, 2000, (4, 130, 130)).astype("uint16")


def utm_pan(rasters: Rasters) -> str:
    """Writes a PAN whose centre lies on the antimeridian."""
    (x,), (y,) = transform("EPSG:4326", "EPSG:32660", [180.0], [52.0])
    grid = north_up(x - 960, y + 960, 7.5)
    return rasters.write("pan.tif", np.full((1, 256, 256), 9, "uint16"), grid, crs="EPSG:32660")


def degrees_ms(rasters: Rasters, west: float) -> str:
    grid = Affine(RIGHT, 0, west - 65 * RIGHT, 0, -DOWN, 52 + 65 * DOWN)
    return rasters.write(f"ms{west}.tif", NOISE, grid, crs="EPSG:4326")


def ms_of(pan: str, ms: str) -> Array:
    with open_pair(pan, ms, options=PairOptions()) as pair:
        assert pair.area == ALL
        patch = pair.read(ALL)
        assert patch.valid.all()
        return patch.ms


def test_both_ways_to_count_are_one_place(rasters: Rasters) -> None:
    pan = utm_pan(rasters)
    east, west = (ms_of(pan, degrees_ms(rasters, side)) for side in (180, -180))
    assert np.abs(east - west).max() < 0.5


def test_one_crs_counted_from_both_sides(rasters: Rasters) -> None:
    ms = rasters.write(
        "m.tif", NOISE[:, :64, :64], Affine(RIGHT, 0, -170, 0, -DOWN, 52), crs="OGC:CRS84"
    )
    patches = []
    for west in (-170, 190):
        grid = Affine(RIGHT / 4, 0, west, 0, -DOWN / 4, 52)
        pixels = np.full((1, 256, 256), 9, "uint16")
        patches.append(ms_of(rasters.write(f"p{west}.tif", pixels, grid, crs="OGC:CRS84"), ms))
    assert np.array_equal(patches[0], patches[1])


def test_control_points_on_both_sides(rasters: Rasters) -> None:
    def point(row: int, col: int) -> GroundControlPoint:
        lon = 180 + (col - 65) * RIGHT
        return GroundControlPoint(
            row=row, col=col, x=lon - 360 * (lon > 180), y=52 - (row - 65) * DOWN
        )

    gcps = [point(row, col) for row in (0, 65, 130) for col in (0, 64, 130)]
    ms = rasters.write("gcps.tif", NOISE, None, crs="EPSG:4326", gcps=gcps)
    pan = utm_pan(rasters)
    assert np.abs(ms_of(pan, ms) - ms_of(pan, degrees_ms(rasters, 180))).max() < 1


@pytest.mark.parametrize("west", [180, -180])
def test_boxes_and_polygons_across(rasters: Rasters, west: float, tmp_path: Path) -> None:
    pixels = np.full((1, 520, 520), 9, "uint16")
    grid = Affine(RIGHT / 4, 0, west - 65 * RIGHT, 0, -DOWN / 4, 52 + 65 * DOWN)
    pan = rasters.write("pan.tif", pixels, grid, crs="EPSG:4326")
    ms = degrees_ms(rasters, -180)
    left, right = 180 - 10 * RIGHT, -180 + 20 * RIGHT
    bottom, top = 52 - 5 * DOWN, 52 + 5 * DOWN
    halves = [
        [[[left, bottom], [180, bottom], [180, top], [left, top], [left, bottom]]],
        [[[-180, bottom], [right, bottom], [right, top], [-180, top], [-180, bottom]]],
    ]
    aoi = tmp_path / "aoi.json"
    aoi.write_text(json.dumps({"type": "MultiPolygon", "coordinates": halves}))
    wanted = Window(row=240, col=220, rows=40, cols=120)
    for options in (
        PairOptions(bbox=(left, bottom, right, top)),
        PairOptions(bbox=(left, bottom, right + 360, top)),
        PairOptions(bbox=(left - 360, bottom, right, top), bbox_crs="EPSG:4326"),
        PairOptions(aoi=str(aoi)),
    ):
        with open_pair(pan, ms, options=options) as pair:
            assert pair.area == wanted
            assert pair.read(wanted).valid.all()


def test_a_box_of_metres_has_no_other_side(rasters: Rasters) -> None:
    line = refusal(utm_pan(rasters), degrees_ms(rasters, 180), bbox=(179, 0, -179, 5))
    assert "xmin must lie below xmax" in line
