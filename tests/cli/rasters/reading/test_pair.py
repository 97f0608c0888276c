"""What a pair accepts, what it refuses and with which words; areas and statistics."""

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from pyproj.transformer import TransformerGroup

from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import ScenePair, open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sampling import statistics_windows
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Array, Rasters, north_up
from tests.cli.rasters.pair_calls import MS, PAN, pair_files, refusal


@pytest.fixture
def paths(rasters: Rasters) -> tuple[str, str]:
    return pair_files(rasters)


def test_a_missing_file_is_named(paths: tuple[str, str], tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.tif")
    assert refusal(missing, paths[1]).startswith(missing)
    assert missing in refusal(paths[0], missing)


def test_a_file_that_is_no_raster_is_refused(paths: tuple[str, str], tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no raster")
    assert "not recognized as being in a supported file format" in refusal(str(text), paths[1])


def test_a_truncated_file_is_refused_where_it_is_read(
    rasters: Rasters, paths: tuple[str, str]
) -> None:
    big = rasters.write("big.tif", np.arange(200 * 240, dtype=np.uint16).reshape(1, 200, 240), PAN)
    Path(big).write_bytes(Path(big).read_bytes()[:60_000])
    with (
        open_pair(big, paths[1], options=PairOptions()) as pair,
        pytest.raises(InputError, match=r"big\.tif: cannot read pixels"),
    ):
        pair.read(Window(row=150, col=0, rows=50, cols=240))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_never_ends_in_a_traceback(
    seed: int, paths: tuple[str, str], tmp_path: Path
) -> None:
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
    flat = rasters.write(
        "flat.tif",
        np.ones((1, 50, 60), np.uint8),
        Affine(4.0, 0.0, 500_000.0, 0.0, 0.0, 4_600_000.0),
    )
    assert "on a line" in refusal(paths[0], flat)


def test_a_pan_with_several_bands_needs_a_choice(rasters: Rasters, paths: tuple[str, str]) -> None:
    pan = rasters.write(
        "pan3.tif", np.arange(3 * 200 * 240, dtype=np.float32).reshape(3, 200, 240), PAN
    )
    assert (
        refusal(pan, paths[1]) == f"{pan}: has 3 bands: choose the panchromatic one with --pan-bidx"
    )
    with open_pair(pan, paths[1], options=PairOptions(pan_bidx=2)) as pair:
        assert pair.read(Window(row=0, col=0, rows=1, cols=1)).pan[0, 0] == 200 * 240


def test_a_band_that_is_not_there_is_refused(paths: tuple[str, str]) -> None:
    assert (
        refusal(*paths, bidx=(1, 9)) == f"{paths[1]}: has 4 bands, not band 9: choose among 1 to 4"
    )


def test_complex_numbers_are_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    radar = rasters.write("radar.tif", np.zeros((1, 50, 60), np.complex64), MS)
    assert "complex" in refusal(paths[0], radar)


def test_images_of_different_places_are_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = rasters.write(
        "far.tif", np.ones((1, 50, 60), np.uint8), north_up(700_000.0, 4_600_000.0, 4.0)
    )
    assert "do not overlap" in refusal(paths[0], ms)
    touching = rasters.write(
        "touching.tif", np.ones((1, 50, 60), np.uint8), north_up(500_240.0, 4_600_000.0, 4.0)
    )
    assert "do not overlap" in refusal(paths[0], touching)


@pytest.mark.parametrize(
    ("pixel", "ratio", "seen"),
    [(17.0, None, "17 x 17"), (1.4, 4, "1.4 x 1.4"), (1.0 / 3, 4, None)],
)
def test_a_ratio_out_of_reach_is_refused_with_what_can_be_fused(
    pixel: float, ratio: int | None, seen: str | None, rasters: Rasters, paths: tuple[str, str]
) -> None:
    ms = rasters.write(
        "other.tif", np.ones((1, 300, 300), np.uint8), north_up(500_000.0, 4_600_000.0, pixel)
    )
    if seen is not None:
        message = refusal(paths[0], ms, ratio=ratio)
        assert seen in message
        assert "1.5 to 16 can be fused" in message
    else:
        with open_pair(paths[0], ms, options=PairOptions(ratio=ratio)) as pair:
            assert "resampled" in pair.notes[0]


def test_oblong_pixels_are_refused(rasters: Rasters, paths: tuple[str, str]) -> None:
    oblong = Affine(2.0, 0, 500_000.0, 0, -4.0, 4_600_000.0)
    ms = rasters.write("oblong.tif", np.ones((1, 300, 300), np.uint8), oblong)
    assert "4 x 2 PAN pixels high and wide, while square ones" in refusal(paths[0], ms)


@pytest.mark.parametrize(
    ("pixel", "ratio", "pitch"),
    [
        (1.5, 2, None),
        (2.76, 2, 2.76),
        (2.99, 3, None),
        (3.9, 3, 3.9),
        (7.5, 7, 7.5),
        (16, 16, None),
    ],
)
def test_the_grid_is_that_of_the_ms_or_a_little_finer(
    pixel: float, ratio: int, pitch: float | None, rasters: Rasters, paths: tuple[str, str]
) -> None:
    ms = rasters.write(
        "any.tif", np.ones((1, 300, 300), np.uint8), north_up(500_000.0, 4_600_000.0, pixel)
    )
    with open_pair(paths[0], ms, options=PairOptions()) as pair:
        assert (pair.ratio, pair.pitch) == (ratio, pytest.approx(pitch) if pitch else None)
        told = any("interpolated" in note for note in pair.notes)
        assert told is (abs(pixel / ratio - 1) > 0.02)


def test_a_measured_ratio_counts_whatever_its_rounding(rasters: Rasters) -> None:
    pan = rasters.write(
        "fine.tif", np.ones((1, 216, 174), np.uint8), north_up(540_000.0, 4_000_000.0, 10.0)
    )
    ms = rasters.write(
        "coarse.tif", np.ones((1, 72, 58), np.uint8), north_up(539_982.0, 4_000_002.1, 30.0)
    )
    with open_pair(pan, ms, options=PairOptions()) as pair:
        assert pair.measured_ratio != (3.0, 3.0)
        assert (pair.ratio, pair.pitch) == (3, None)


@pytest.mark.filterwarnings("ignore:Best transformation is not available")
def test_a_transformation_that_lacks_its_grid_is_told(
    rasters: Rasters, paths: tuple[str, str]
) -> None:
    # The Ordnance Survey's grid shift file does not come with pyproj.
    to_britain = pyproj.Transformer.from_crs("EPSG:32631", "EPSG:27700", always_xy=True)
    x, y = to_britain.transform(300_000.0, 5_700_000.0)
    pan = rasters.write(
        "british.tif", np.ones((1, 100, 100), np.uint8), north_up(x, y, 1.0), crs="EPSG:27700"
    )
    ms = rasters.write(
        "utm.tif", np.ones((1, 50, 50), np.uint8), north_up(299_950.0, 5_700_050.0, 4.0)
    )
    with open_pair(pan, ms, options=PairOptions()) as pair:
        installed = TransformerGroup("EPSG:27700", "EPSG:32631").best_available
        assert installed or "OSTN15" in pair.notes[-1]
        assert pair.read(Window(row=0, col=0, rows=100, cols=100)).valid.all()
    with open_pair(*paths, options=PairOptions()) as pair:
        assert pair.notes == ()


def test_one_missing_crs_needs_a_word(rasters: Rasters, paths: tuple[str, str]) -> None:
    ms = rasters.write("bare.tif", np.ones((1, 50, 60), np.uint8), MS, crs=None)
    assert (
        refusal(paths[0], ms)
        == f"{ms}: has no CRS, while the other image has: pass --assume-same-crs if it is the same one"
    )
    with open_pair(paths[0], ms, options=PairOptions(assume_same_crs=True)) as pair:
        assert pair.area.shape == (200, 240)
        assert pair.crs == "EPSG:32631"
    with open_pair(
        ms.replace("bare", "ms"), ms, options=PairOptions(pan_bidx=1, assume_same_crs=True)
    ) as pair:
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
    with (
        open_pair(*inside, options=PairOptions()) as zipped,
        open_pair(*paths, options=PairOptions()) as plain,
    ):
        assert np.array_equal(zipped.read(window).ms, plain.read(window).ms)


def statistics_of(pair: ScenePair) -> tuple[Array, Array]:
    found = pair.statistics()
    rows = [(b.mean, b.std, b.minimum, b.maximum) for b in (found.pan, *found.ms)]
    return np.array(rows[0]), np.array(rows[1:])


def test_statistics_of_a_small_scene_are_exact_and_know_no_area(paths: tuple[str, str]) -> None:
    with rasterio.open(paths[0]) as pan, rasterio.open(paths[1]) as ms:
        bands = [pan.read(1), *ms.read()]
    expected = np.array([(b.mean(), b.std(), b.min(), b.max()) for b in bands])
    with open_pair(
        *paths, options=PairOptions(bbox=(500_010.0, 4_599_900.0, 500_110.0, 4_599_950.0))
    ) as pair:
        found = statistics_of(pair)
    assert np.allclose(found[0], expected[0])
    assert np.allclose(found[1], expected[1:])


def test_statistics_look_only_where_pan_and_ms_overlap(
    rasters: Rasters, paths: tuple[str, str]
) -> None:
    ms = np.full((1, 50, 60), 9, np.uint8)
    ms[:, :, :30] = 3
    shifted = rasters.write("half.tif", ms, north_up(500_120.0, 4_600_000.0, 4.0))
    with open_pair(paths[0], shifted, options=PairOptions()) as pair:
        assert pair.statistics().ms[0].mean == 3
        with rasterio.open(paths[0]) as pan:
            assert pair.statistics().pan.mean == pytest.approx(pan.read(1)[:, 120:].mean())


def test_the_sample_of_a_large_scene_is_bounded_and_inside() -> None:
    region = Window(row=7, col=11, rows=40_000, cols=900)
    windows = list(statistics_windows(region))
    assert len(windows) == 32
    assert all(window.intersection(region) == window for window in windows)
    assert sum(window.rows * window.cols for window in windows) <= 1024 * 1024
    assert windows[0].row - 7 == pytest.approx(region.row_stop - windows[-1].row_stop, abs=2)


def test_cmyk_is_four_spectral_bands(shared_data: Path) -> None:
    raw, truth = shared_data / "raw/dgif-1-cmyk", shared_data / "worldview2/dgif-1"
    window = Window(row=0, col=0, rows=64, cols=64)
    options = PairOptions(bidx=(3, 2, 1, 4), assume_same_crs=True, ms_phase=1.5)
    with (
        raster_env(),
        open_pair(str(raw / "Pan1.tif"), str(raw / "MS1.tif"), options=options) as pair,
    ):
        patch = pair.read(window)
        with rasterio.open(truth / "ms.tif") as ms, rasterio.open(truth / "pan.tif") as pan:
            assert np.array_equal(patch.ms[:, 10:, 10:], ms.read()[:, :26, :26])
            assert np.array_equal(patch.pan, pan.read(1)[:64, :64])


def test_every_shared_pair_opens(shared_data: Path) -> None:
    index = json.loads((shared_data / "index.json").read_text())
    with raster_env():
        for record in index["pairs"]:
            folder = shared_data / record["path"]
            with open_pair(
                str(folder / "pan.tif"), str(folder / "ms.tif"), options=PairOptions()
            ) as pair:
                assert pair.ratio in {record["ratio"], 4}
                assert pair.area.rows * pair.area.cols > 0.97 * pair.rows * pair.cols
                patch = pair.read(Window(row=0, col=0, rows=64, cols=64))
                assert np.isfinite(patch.ms).all()
                assert pair.statistics().ms[0].scale > 0
