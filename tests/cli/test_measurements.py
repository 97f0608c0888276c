"""Values that are no measurements are masked, named, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from ssdiff_cli.rasters.gdal import open_raster
from ssdiff_cli.rasters.reading.bands import select_bands
from ssdiff_models.classical.registry import METHODS
from ssdiff_models.scene.windows import Window
from tests.cli.calls import ssdiff
from tests.cli.sharpening import done, pixels, refused

PIXEL = Affine(1, 0, 500000, 0, -1, 4600000)
SIDE = 24
RNG = np.random.default_rng(0)
COARSE = RNG.uniform(100, 1000, (4, SIDE, SIDE)).astype("float32")
FINE = np.kron(COARSE.mean(0), np.ones((4, 4)))[None].astype("float32")
SOME = RNG.uniform(size=(SIDE, SIDE)) < 0.05


def save(path: Path, image: Any, step: int = 1, **profile: Any) -> Path:
    count, rows, cols = image.shape
    known = {"driver": "GTiff", "crs": "EPSG:32631", "transform": PIXEL @ Affine.scale(step)}
    known |= {"count": count, "height": rows, "width": cols, "dtype": image.dtype.name}
    with rasterio.open(path, "w", **known | profile) as file:
        file.write(image)
    return path


@pytest.fixture
def pan(tmp_path: Path) -> Path:
    return save(tmp_path / "pan.tif", FINE)


def with_fill(value: float) -> Any:
    return np.where(SOME, np.float32(value), COARSE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [-1e38, 3.4e38, np.inf, np.nan, 1e31])
def test_extremes_are_holes_for_every_method(
    tmp_path: Path, pan: Path, method: str, value: float
) -> None:
    ms = save(tmp_path / "ms.tif", with_fill(value), 4)
    words = ("sharpen", "-j", 1, pan, ms, "-o", tmp_path / "out.tif", "--method", method)
    with rasterio.open(done(ssdiff(*words))) as file:
        valid = file.dataset_mask() != 0
        stored = file.read()[:, valid]
    assert valid.mean() == 1 - SOME.mean()
    assert np.isfinite(stored).all()


@pytest.mark.parametrize("method", ["brovey", "bt-h", "pracs", "gsa", "mtf-glp-hpm"])
@pytest.mark.parametrize("factor", [1e-47, 1e35])
def test_values_out_of_reach_are_refused_or_finite(
    tmp_path: Path, pan: Path, method: str, factor: float
) -> None:
    ms = save(tmp_path / "ms.tif", (COARSE * factor).astype("float32"), 4)
    words = ("sharpen", "-j", 1, pan, ms, "-o", tmp_path / "out.tif", "--method", method)
    result = ssdiff(*words)
    if result.exit_code:
        assert result.exit_code == 3
        assert result.stderr.splitlines()[-1].startswith(f"ssdiff: {ms}: ")
        return
    with rasterio.open(done(result)) as file:
        assert file.dataset_mask().all()
        assert np.isfinite(file.read()).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nodata", [-9999.1, 0.1, 1e-5, 0, 1e20])
def test_nodata_is_compared_as_gdal_does(tmp_path: Path, dtype: str, nodata: float) -> None:
    apart = np.array([0, 1e-12, 6e-8, 1.2e-7, 2.4e-7, 7e-7, 1e-6, 1e-3])
    values = nodata * np.concatenate([1 - apart, 1 + apart])
    path = save(tmp_path / "a.tif", values.astype(dtype)[None, None], nodata=nodata)
    with open_raster(str(path)) as dataset:
        bands = select_bands(dataset, str(path))
        _, valid = bands.read(Window(row=0, col=0, rows=1, cols=len(values)))
        assert np.array_equal(valid, dataset.read_masks(1) != 0)
        assert not valid[0, 0]


@pytest.mark.parametrize("value", [-9999, 0, 5000])
def test_a_fill_without_a_tag_is_named(tmp_path: Path, pan: Path, value: float) -> None:
    ms = save(tmp_path / "ms.tif", with_fill(value), 4)
    words = ("sharpen", "-j", 1, pan, ms, "-o", tmp_path / "out.tif", "--method", "exp")
    assert f"exactly {value}" in (said := ssdiff(*words).stderr)
    assert f"--src-nodata ,{value} takes them for holes" in said
    assert f"exactly {value}" not in ssdiff(*words, "--overwrite", f"--src-nodata=,{value}").stderr


def test_one_fill_does_not_hide_another(tmp_path: Path, pan: Path) -> None:
    image = with_fill(-9999)
    image[:, :3] = -1
    image[:, -3:] = 60000
    ms = save(tmp_path / "ms.tif", image, 4)
    said = ssdiff("check", pan, ms, "--method", "exp").stderr
    for value in (-9999, -1, 60000):
        assert f"exactly {value}, far" in said


def test_a_fill_of_the_pan_is_named(tmp_path: Path) -> None:
    holes = np.kron(SOME, np.ones((4, 4), bool))
    pan = save(tmp_path / "pan.tif", np.where(holes, 65535, FINE).astype("uint16"))
    ms = save(tmp_path / "ms.tif", COARSE, 4)
    said = ssdiff("check", pan, ms, "--method", "exp").stderr
    assert "--src-nodata 65535, takes them for holes" in said


def test_values_that_many_pixels_share_are_no_fills(tmp_path: Path, pan: Path) -> None:
    for image in (COARSE.clip(300, 700), np.where(SOME, 1000, 0) + 0 * COARSE, COARSE // 100):
        ms = save(tmp_path / "ms.tif", image.astype("float32"), 4)
        assert "exactly" not in ssdiff("check", pan, ms, "--method", "exp").stderr


def test_bands_of_two_types_are_one_image(tmp_path: Path, pan: Path) -> None:
    whole = np.rint(COARSE)
    whole[:, 0, 0] = -7
    usual = save(tmp_path / "usual.tif", whole.astype("int32"), 4, nodata=-7)
    sources = ""
    for number, dtype in enumerate(("int16", "int32", "int16", "int32"), 1):
        save(tmp_path / f"{number}.tif", whole[number - 1 : number].astype(dtype), 4, nodata=-7)
        sources += (
            f'<VRTRasterBand dataType="{dtype.title()}" band="{number}"><NoDataValue>-7'
            f'</NoDataValue><SimpleSource><SourceFilename relativeToVRT="1">{number}.tif'
            "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        )
    place = "500000, 4, 0, 4600000, 0, -4"
    mixed = tmp_path / "ms.vrt"
    mixed.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32631</SRS>'
        f"<GeoTransform>{place}</GeoTransform>{sources}</VRTDataset>"
    )
    first, second = (
        done(ssdiff("sharpen", pan, ms, "-o", tmp_path / f"o{k}.tif", "--method", "gsa"))
        for k, ms in enumerate((usual, mixed))
    )
    assert np.array_equal(pixels(first), pixels(second))


def test_palettes_are_refused_and_greys_are_not(tmp_path: Path, pan: Path) -> None:
    numbers = (COARSE[:1] / 4).astype("uint8")
    ms = save(tmp_path / "ms.tif", numbers, 4)
    words = ("sharpen", pan, ms, "-o", tmp_path / "out.tif", "--method", "exp")
    tables = {number: (number, number, number, 255) for number in range(256)}
    for greys in (True, False):
        colours = tables if greys else {k: (255 - k, k, 0, 255) for k in range(256)}
        with rasterio.open(ms, "w", driver="GTiff", count=1, height=SIDE, width=SIDE,
                           dtype="uint8", crs="EPSG:32631",
                           transform=PIXEL @ Affine.scale(4)) as file:  # fmt: skip
            file.write(numbers)
            file.write_colormap(1, colours)
        if greys:
            done(ssdiff(*words))
        else:
            assert "numbers of colours" in refused(ssdiff(*words, "--overwrite"), 3)


def test_data_that_ratios_do_not_suit_are_named(tmp_path: Path, pan: Path) -> None:
    decibels = save(tmp_path / "db.tif", (10 * np.log10(COARSE / 5000)).astype("float32"), 4)
    centred = save(tmp_path / "zero.tif", COARSE - COARSE.mean(), 4)
    usual = save(tmp_path / "usual.tif", COARSE, 4)
    for method in ("bt-h", "brovey", "mtf-glp-hpm"):
        for ms in (decibels, centred):
            said = ssdiff("check", pan, ms, "--method", method).stderr
            assert f"{method} divides by them" in said
        assert "divides" not in ssdiff("check", pan, usual, "--method", method).stderr
    assert "divides" not in ssdiff("check", pan, decibels, "--method", "gsa").stderr
    flat = save(tmp_path / "flat.tif", np.full_like(FINE, 500))
    assert "no detail to give" in ssdiff("check", flat, usual, "--method", "gsa").stderr
