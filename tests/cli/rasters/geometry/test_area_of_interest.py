"""Overlap, boxes, other rasters and polygons: which pixels of the PAN come out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Rasters, north_up
from tests.cli.rasters.pair_calls import pair_files, refusal


@pytest.fixture
def paths(rasters: Rasters) -> tuple[str, str]:
    return pair_files(rasters)


def area_of(paths: tuple[str, str], **options: Any) -> Window:
    with open_pair(*paths, options=PairOptions(**options)) as pair:
        return pair.area


def test_the_overlap_counts_pixels_whose_centres_are_covered(
    rasters: Rasters, paths: tuple[str, str]
) -> None:
    ms = rasters.write(
        "shifted.tif", np.ones((1, 50, 60), np.uint8), north_up(500_002.4, 4_599_998.5, 4.0)
    )
    assert area_of((paths[0], ms)) == Window(row=1, col=2, rows=199, cols=238)
    assert area_of((paths[0], ms), extent="pan") == Window(row=0, col=0, rows=200, cols=240)


def test_a_box_selects_whole_pixels(paths: tuple[str, str]) -> None:
    assert area_of(paths, bbox=(500_010.0, 4_599_900.0, 500_110.6, 4_599_950.4)) == Window(
        row=50, col=10, rows=50, cols=101
    )
    west, south, east, north = 500_010.0, 4_599_900.0, 500_110.0, 4_599_950.0
    to_wgs84 = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    box = to_wgs84.transform_bounds(west, south, east, north)
    assert (
        area_of(paths, bbox=box, bbox_crs="EPSG:4326").intersection(
            Window(row=50, col=10, rows=50, cols=100)
        )
        is not None
    )


def test_a_box_that_selects_nothing_is_refused(paths: tuple[str, str]) -> None:
    assert "--bbox selects no pixel" in refusal(*paths, bbox=(0.0, 0.0, 1.0, 1.0))
    assert "'nonsense'" in refusal(*paths, bbox=(0.0, 0.0, 1.0, 1.0), bbox_crs="nonsense")


def test_another_raster_gives_its_extent(rasters: Rasters, paths: tuple[str, str]) -> None:
    like = rasters.write(
        "like.tif", np.ones((1, 10, 20), np.uint8), north_up(500_030.0, 4_599_960.0, 3.0)
    )
    assert area_of(paths, like=like) == Window(row=40, col=30, rows=30, cols=60)


TRIANGLE = shapely.Polygon(
    [(500_020.25, 4_599_980.25), (500_120.25, 4_599_980.25), (500_020.25, 4_599_900.25)]
)


def written(kind: str, folder: Path) -> tuple[str, str | None]:
    """The triangle in one of the formats."""
    to_wgs84 = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    ground = shapely.transform(
        shapely.segmentize(TRIANGLE, 1.0),
        lambda p: np.stack(to_wgs84.transform(p[:, 0], p[:, 1]), 1),
    )
    geojson = json.loads(shapely.to_geojson(ground))
    feature = {"type": "Feature", "properties": {}, "geometry": geojson}
    text = {
        "wkt": shapely.to_wkt(TRIANGLE, rounding_precision=9),
        "ewkt": f"SRID=4326;{shapely.to_wkt(ground, rounding_precision=15)}",
        "wkb": shapely.to_wkb(shapely.set_srid(TRIANGLE, 32631), hex=True, include_srid=True),
        "geometry": json.dumps({**geojson, "crs": None}),
        "collection": json.dumps({"type": "FeatureCollection", "features": [feature]}),
        "old crs": json.dumps(
            {
                **json.loads(shapely.to_geojson(TRIANGLE)),
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}},
            }
        ),
        "wkt elsewhere": shapely.to_wkt(ground, rounding_precision=15),
    }[kind]
    path = folder / "aoi.txt"
    path.write_text(text)
    return str(path), "EPSG:4326" if kind == "wkt elsewhere" else None


@pytest.mark.parametrize(
    "kind", ["wkt", "ewkt", "wkb", "geometry", "collection", "old crs", "wkt elsewhere"]
)
def test_polygons_select_pixel_centres(kind: str, paths: tuple[str, str], tmp_path: Path) -> None:
    cols, rows = np.meshgrid(np.arange(240) + 0.5, np.arange(200) + 0.5)
    expected = shapely.contains_xy(TRIANGLE, 500_000 + cols, 4_600_000 - rows)
    path, crs = written(kind, tmp_path)
    with open_pair(*paths, options=PairOptions(aoi=path, bbox_crs=crs)) as pair:
        assert pair.area == Window(row=20, col=20, rows=80, cols=100)
        valid = pair.read(Window(row=0, col=0, rows=200, cols=240)).valid
        tiles = [
            pair.read(Window(row=0, col=col, rows=200, cols=16)).valid for col in range(0, 240, 16)
        ]
    assert (valid != expected).sum() <= 2
    assert np.array_equal(np.concatenate(tiles, axis=1), valid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "POINT (1 2)",
        "POLYGON EMPTY",
        "{}",
        '{"type": "Feature"}',
        "\x00\x01",
        "SRID=99999999;POINT(0 0)",
    ],
)
def test_what_is_no_polygon_is_refused(text: str, paths: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "aoi.txt"
    path.write_text(text)
    assert "aoi.txt" in refusal(*paths, aoi=str(path)) or "EPSG:99999999" in refusal(
        *paths, aoi=str(path)
    )


def test_geojson_in_metres_without_a_crs_is_refused(paths: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "metres.geojson"
    path.write_text(shapely.to_geojson(TRIANGLE))
    assert "metres.geojson: lies outside" in refusal(*paths, aoi=str(path))


def test_a_missing_area_file_is_named(paths: tuple[str, str]) -> None:
    assert refusal(*paths, aoi="nowhere.geojson").startswith(
        "nowhere.geojson: cannot read the area of interest"
    )
