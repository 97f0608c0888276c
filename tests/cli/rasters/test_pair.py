"""What a pair accepts, what it refuses and with which words; areas and statistics."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj.transformer import TransformerGroup

from ssdiff_cli.rasters.env import raster_env
from ssdiff_cli.rasters.pair import PairOptions, ScenePair, open_pair
from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.statistics import sample_windows
from ssdiff_models.tiles import Window
from tests.cli.rasters.fields import Array, Rasters, north_up

PAN = north_up(500_000.0, 4_600_000.0, 1.0)
MS = north_up(500_000.0, 4_600_000.0, 4.0)


@pytest.fixture
def paths(rasters: Rasters) -> tuple[str, str]:
    rng = np.random.default_rng(2)
    pan, ms = rng.integers(1, 2000, (1, 200, 240)).astype(np.uint16), rng.integers(1, 2000, (4, 50, 60)).astype(np.uint16)
    return rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms, MS)


def refusal(pan: str, ms: str, **options: Any) -> str:  # noqa: ANN401
    with pytest.raises((InputError, UsageError)) as caught, open_pair(pan, ms, options=PairOptions(**options)):
        pass
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_file_is_named(paths: tuple[str, str], tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.tif")
    assert refusal(missing, paths[1]).startswith(missing)
    assert missing in refusal(paths[0], missing)


def test_a_file_that_is_no_raster_is_refused(paths: tuple[str, str], tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no raster")
    assert "not recognized as being in a supported file format" in refusal(str(text), paths[1])


def test_a_truncated_file_is_refused_where_it_is_read(rasters: Rasters, paths: tuple[str, str]) -> None:
    big = rasters.write("big.tif", np.arange(200 * 240, dtype=np.uint16).reshape(1, 200, 240), PAN)
    Path(big).write_bytes(Path(big).read_bytes()[:60_000])
    with (
        open_pair(big, paths[1], options=PairOptions()) as pair,
        pytest.raises(InputError, match=r"big\.tif: cannot read pixels"),
    ):
        pair.read(Window(row=150, col=0, rows=50, cols=240))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_never_ends_in_a_traceback(seed: int, paths: tuple[str, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(Path(paths[seed % 2]).read_bytes())
    if seed < 10:
        del data[int(rng.integers(len(data))) :]
    else:
        # Headers are at the start; the rest is pixels.
        for place in rng.integers(0, 600, 1 + 10 * (seed % 3)):
            data[place] = rng.integers(256)
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(data)
    pair_paths = (str(damaged), paths[1]) if seed % 2 == 0 else (paths[0], str(damaged))
    try:
        with open_pair(*pair_paths, options=PairOptions()) as pair:
            pair.statistics()
            patch = pair.read(Window(row=0, col=0, rows=100, cols=100))
        assert np.isfinite(patch.ms).all()
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right


def test_a_geotransform_on_a_line_is_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    flat = rasters.write("flat.tif", np.ones((1, 50, 60), np.uint8), Affine(4.0, 0.0, 500_000.0, 0.0, 0.0, 4_600_000.0))
    assert "on a line" in refusal(paths[0], flat)


def test_a_pan_with_several_bands_needs_a_choice(rasters: Rasters, paths: tuple[str, str]) -> None:
    pan = rasters.write("pan3.tif", np.arange(3 * 200 * 240, dtype=np.float32).reshape(3, 200, 240), PAN)
    assert refusal(pan, paths[1]) == f"{pan}: has 3 bands: choose the panchromatic one with --pan-bidx"
    with open_pair(pan, paths[1], options=PairOptions(pan_bidx=2)) as pair:
        assert pair.read(Window(row=0, col=0, rows=1, cols=1)).pan[0, 0] == 200 * 240


def test_a_band_that_is_not_there_is_refused(paths: tuple[str, str]) -> None:
    assert refusal(*paths, bidx=(1, 9)) == f"{paths[1]}: has 4 bands, not band 9: choose among 1 to 4"


def test_complex_numbers_are_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    radar = rasters.write("radar.tif", np.zeros((1, 50, 60), np.complex64), MS)
    assert "complex" in refusal(paths[0], radar)


def test_images_of_different_places_are_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = rasters.write("far.tif", np.ones((1, 50, 60), np.uint8), north_up(700_000.0, 4_600_000.0, 4.0))
    assert "do not overlap" in refusal(paths[0], ms)
    touching = rasters.write("touching.tif", np.ones((1, 50, 60), np.uint8), north_up(500_240.0, 4_600_000.0, 4.0))
    assert "do not overlap" in refusal(paths[0], touching)


@pytest.mark.parametrize(
    ("pixel", "ratio", "seen"), [(8.0, None, "8 x 8"), (2.0, 4, "2 x 2"), (4.0, 2, "4 x 4"), (1.0 / 3, 4, None)]
)
def test_a_ratio_out_of_reach_is_refused_with_both_numbers(
    pixel: float, ratio: int | None, seen: str | None, rasters: Rasters, paths: tuple[str, str]
) -> None:
    ms = rasters.write("other.tif", np.ones((1, 300, 300), np.uint8), north_up(500_000.0, 4_600_000.0, pixel))
    if seen is not None:
        message = refusal(paths[0], ms, ratio=ratio)
        assert seen in message
        assert f"ratio {ratio or 4} serves" in message
    else:
        with open_pair(paths[0], ms, options=PairOptions(ratio=ratio)) as pair:
            assert "resampled" in pair.notes[0]


@pytest.mark.filterwarnings("ignore:Best transformation is not available")
def test_a_transformation_that_lacks_its_grid_is_told(rasters: Rasters, paths: tuple[str, str]) -> None:
    # The Ordnance Survey's grid shift file does not come with pyproj.
    to_britain = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:27700", always_xy=True)
    x, y = to_britain.transform(300_000.0, 5_700_000.0)
    pan = rasters.write("british.tif", np.ones((1, 100, 100), np.uint8), north_up(x, y, 1.0), crs="EPSG:27700")
    ms = rasters.write("utm.tif", np.ones((1, 50, 50), np.uint8), north_up(299_950.0, 5_700_050.0, 4.0))
    with open_pair(pan, ms, options=PairOptions()) as pair:
        installed = TransformerGroup("EPSG:27700", "EPSG:32631").best_available
        assert installed or "OSTN15" in pair.notes[-1]
        assert pair.read(Window(row=0, col=0, rows=100, cols=100)).valid.all()
    with open_pair(*paths, options=PairOptions()) as pair:
        assert pair.notes == ()


def test_one_missing_crs_needs_a_word(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = rasters.write("bare.tif", np.ones((1, 50, 60), np.uint8), MS, crs=None)
    assert refusal(paths[0], ms) == f"{ms}: has no CRS, while the other image has: pass --assume-same-crs if it is the same one"
    with open_pair(paths[0], ms, options=PairOptions(assume_same_crs=True)) as pair:
        assert pair.area.shape == (200, 240)
        assert pair.crs == "EPSG:32631"
    with open_pair(ms.replace("bare", "ms"), ms, options=PairOptions(pan_bidx=1, assume_same_crs=True)) as pair:
        assert pair.ratio == 4


def test_two_missing_crs_are_taken_as_one(rasters: Rasters) -> None:
    pan = rasters.write("pan0.tif", np.ones((1, 200, 240), np.uint8), PAN, crs=None)
    ms = rasters.write("ms0.tif", np.ones((1, 50, 60), np.uint8), MS, crs=None)
    with open_pair(pan, ms, options=PairOptions()) as pair:
        assert pair.area.shape == (200, 240)
        assert pair.crs is None


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_images_without_any_place_need_a_word(rasters: Rasters, paths: tuple[str, str]) -> None:
    pan = rasters.write("pan0.tif", np.ones((1, 200, 240), np.uint8), None, crs=None)
    ms = rasters.write("ms0.tif", np.ones((1, 50, 60), np.uint8), None, crs=None)
    assert "--assume-same-crs" in refusal(pan, ms)
    assert refusal(paths[0], ms).startswith(f"{ms}: has no geotransform")
    with open_pair(pan, ms, options=PairOptions(assume_same_crs=True)) as pair:
        assert pair.measured_ratio == (4.0, 4.0)
        assert pair.area.shape == (200, 240)


def test_paths_are_gdals(paths: tuple[str, str], tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        for path in paths:
            archive.write(path, Path(path).name)
    inside = [f"/vsizip/{tmp_path}/scene.zip/{name}" for name in ("pan.tif", "ms.tif")]
    window = Window(row=3, col=5, rows=20, cols=20)
    with open_pair(*inside, options=PairOptions()) as zipped, open_pair(*paths, options=PairOptions()) as plain:
        assert np.array_equal(zipped.read(window).ms, plain.read(window).ms)


def area_of(paths: tuple[str, str], **options: Any) -> Window:  # noqa: ANN401
    with open_pair(*paths, options=PairOptions(**options)) as pair:
        return pair.area


def test_the_overlap_counts_pixels_whose_centres_are_covered(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = rasters.write("shifted.tif", np.ones((1, 50, 60), np.uint8), north_up(500_002.4, 4_599_998.5, 4.0))
    assert area_of((paths[0], ms)) == Window(row=1, col=2, rows=199, cols=238)
    assert area_of((paths[0], ms), extent="pan") == Window(row=0, col=0, rows=200, cols=240)


def test_a_box_selects_whole_pixels(paths: tuple[str, str]) -> None:
    assert area_of(paths, bbox=(500_010.0, 4_599_900.0, 500_110.6, 4_599_950.4)) == Window(row=50, col=10, rows=50, cols=101)
    west, south, east, north = 500_010.0, 4_599_900.0, 500_110.0, 4_599_950.0
    to_wgs84 = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    box = to_wgs84.transform_bounds(west, south, east, north)
    assert area_of(paths, bbox=box, bbox_crs="EPSG:4326").intersection(Window(row=50, col=10, rows=50, cols=100)) is not None


def test_a_box_that_selects_nothing_is_refused(paths: tuple[str, str]) -> None:
    assert "--bbox selects no pixel" in refusal(*paths, bbox=(0.0, 0.0, 1.0, 1.0))
    assert "is empty" in refusal(*paths, bbox=(5.0, 0.0, 1.0, 1.0))
    assert "'nonsense'" in refusal(*paths, bbox=(0.0, 0.0, 1.0, 1.0), bbox_crs="nonsense")


def test_another_raster_gives_its_extent(rasters: Rasters, paths: tuple[str, str]) -> None:
    like = rasters.write("like.tif", np.ones((1, 10, 20), np.uint8), north_up(500_030.0, 4_599_960.0, 3.0))
    assert area_of(paths, like=like) == Window(row=40, col=30, rows=30, cols=60)


TRIANGLE = shapely.Polygon([(500_020.25, 4_599_980.25), (500_120.25, 4_599_980.25), (500_020.25, 4_599_900.25)])


def written(kind: str, folder: Path) -> tuple[str, str | None]:
    """The triangle in one of the formats."""
    to_wgs84 = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    ground = shapely.transform(shapely.segmentize(TRIANGLE, 1.0), lambda p: np.stack(to_wgs84.transform(p[:, 0], p[:, 1]), 1))
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


@pytest.mark.parametrize("kind", ["wkt", "ewkt", "wkb", "geometry", "collection", "old crs", "wkt elsewhere"])
def test_polygons_select_pixel_centres(kind: str, paths: tuple[str, str], tmp_path: Path) -> None:
    cols, rows = np.meshgrid(np.arange(240) + 0.5, np.arange(200) + 0.5)
    expected = shapely.contains_xy(TRIANGLE, 500_000 + cols, 4_600_000 - rows)
    path, crs = written(kind, tmp_path)
    with open_pair(*paths, options=PairOptions(aoi=path, bbox_crs=crs)) as pair:
        assert pair.area == Window(row=20, col=20, rows=80, cols=100)
        valid = pair.read(Window(row=0, col=0, rows=200, cols=240)).valid
        tiles = [pair.read(Window(row=0, col=col, rows=200, cols=16)).valid for col in range(0, 240, 16)]
    assert (valid != expected).sum() <= 2
    assert np.array_equal(np.concatenate(tiles, axis=1), valid)


@pytest.mark.parametrize(
    "text", ["", "{", "POINT (1 2)", "POLYGON EMPTY", "{}", '{"type": "Feature"}', "\x00\x01", "SRID=99999999;POINT(0 0)"]
)
def test_what_is_no_polygon_is_refused(text: str, paths: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "aoi.txt"
    path.write_text(text)
    assert "aoi.txt" in refusal(*paths, aoi=str(path)) or "EPSG:99999999" in refusal(*paths, aoi=str(path))


def test_geojson_in_metres_without_a_crs_is_refused(paths: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "metres.geojson"
    path.write_text(shapely.to_geojson(TRIANGLE))
    assert "metres.geojson: lies outside" in refusal(*paths, aoi=str(path))


def test_a_missing_area_file_is_named(paths: tuple[str, str]) -> None:
    assert refusal(*paths, aoi="nowhere.geojson").startswith("nowhere.geojson: cannot read the area of interest")


def statistics_of(pair: ScenePair) -> tuple[Array, Array]:
    found = pair.statistics()
    rows = [(b.mean, b.std, b.minimum, b.maximum) for b in (found.pan, *found.ms)]
    return np.array(rows[0]), np.array(rows[1:])


def test_statistics_of_a_small_scene_are_exact_and_know_no_area(paths: tuple[str, str]) -> None:
    with rasterio.open(paths[0]) as pan, rasterio.open(paths[1]) as ms:
        bands = [pan.read(1), *ms.read()]
    expected = np.array([(b.mean(), b.std(), b.min(), b.max()) for b in bands])
    with open_pair(*paths, options=PairOptions(bbox=(500_010.0, 4_599_900.0, 500_110.0, 4_599_950.0))) as pair:
        found = statistics_of(pair)
    assert np.allclose(found[0], expected[0])
    assert np.allclose(found[1], expected[1:])


def test_statistics_look_only_where_pan_and_ms_overlap(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = np.full((1, 50, 60), 9, np.uint8)
    ms[:, :, :30] = 3
    shifted = rasters.write("half.tif", ms, north_up(500_120.0, 4_600_000.0, 4.0))
    with open_pair(paths[0], shifted, options=PairOptions()) as pair:
        assert pair.statistics().ms[0].mean == 3
        with rasterio.open(paths[0]) as pan:
            assert pair.statistics().pan.mean == pytest.approx(pan.read(1)[:, 120:].mean())


def test_the_sample_of_a_large_scene_is_bounded_and_inside() -> None:
    region = Window(row=7, col=11, rows=40_000, cols=900)
    windows = list(sample_windows(region))
    assert len(windows) == 32
    assert all(window.intersection(region) == window for window in windows)
    assert sum(window.rows * window.cols for window in windows) <= 1024 * 1024
    assert windows[0].row - 7 == pytest.approx(region.row_stop - windows[-1].row_stop, abs=2)


def test_cmyk_is_four_spectral_bands(shared_data: Path) -> None:
    raw, truth = shared_data / "raw/dgif-1-cmyk", shared_data / "worldview2/dgif-1"
    window = Window(row=0, col=0, rows=64, cols=64)
    options = PairOptions(bidx=(3, 2, 1, 4), assume_same_crs=True, ms_phase=1.5)
    with raster_env(), open_pair(str(raw / "Pan1.tif"), str(raw / "MS1.tif"), options=options) as pair:
        patch = pair.read(window)
        with rasterio.open(truth / "ms.tif") as ms, rasterio.open(truth / "pan.tif") as pan:
            assert np.array_equal(patch.ms[:, 10:, 10:], ms.read()[:, :26, :26])
            assert np.array_equal(patch.pan, pan.read(1)[:64, :64])


def test_every_shared_pair_opens(shared_data: Path) -> None:
    index = json.loads((shared_data / "index.json").read_text())
    with raster_env():
        for record in index["pairs"]:
            folder = shared_data / record["path"]
            with open_pair(str(folder / "pan.tif"), str(folder / "ms.tif"), options=PairOptions()) as pair:
                assert pair.ratio == record["ratio"]
                assert pair.area.rows * pair.area.cols > 0.97 * pair.rows * pair.cols
                patch = pair.read(Window(row=0, col=0, rows=64, cols=64))
                assert np.isfinite(patch.ms).all()
                assert pair.statistics().ms[0].scale > 0
