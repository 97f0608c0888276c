"""An MS of several files, and products as they are delivered: found, opened, named; or refused in words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from ssdiff_cli.rasters.reading.band_files import landsat_name, open_bands
from ssdiff_cli.rasters.reading.product import find_product
from ssdiff_models.errors import InputError
from tests.cli.calls import refusal, ssdiff
from tests.cli.sharpening import done, pixels, refused, rewrite
from tests.scenes import Scene, SceneFactory

NAMES = ("blue", "green", "red", "nir")
LANDSAT = "LC09_L1TP_190025_20220610_20230415_02_T1"


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96, ms_nodata=0)


def split(scene: Scene, folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Writes the bands of an MS as files of their own, without descriptions."""
    folder.mkdir(exist_ok=True)
    with rasterio.open(scene.ms) as file:
        profile = file.profile | {"count": 1}
        bands = file.read()
    paths = [folder / name for name in names]
    for path, band in zip(paths, bands, strict=True):
        with rasterio.open(path, "w", **profile) as file:
            file.write(band, 1)
    return paths


def landsat(scene: Scene, folder: Path) -> Path:
    split(scene, folder, tuple(f"{LANDSAT}_B{number}.TIF" for number in (2, 3, 4, 5)))
    shutil.copy(scene.pan, folder / f"{LANDSAT}_B8.TIF")
    (folder / f"{LANDSAT}_MTL.json").write_text("{}")
    return folder


def sharpen(*words: str | Path) -> Path:
    return done(ssdiff("sharpen", "-j", 1, "--method", "bt-h", *words))


def test_single_bands_make_the_bytes_of_the_one_file(scene: Scene, tmp_path: Path) -> None:
    whole = sharpen(scene.pan, scene.ms, "-o", tmp_path / "whole.tif")
    parts = split(scene, tmp_path, ("b.tif", "g.tif", "r.tif", "n.tif"))
    out = sharpen(scene.pan, *parts, "--band-names", ",".join(NAMES), "-o", tmp_path / "parts.tif")
    assert np.array_equal(pixels(out), pixels(whole))
    with rasterio.open(out) as one, rasterio.open(whole) as other:
        assert one.descriptions == other.descriptions == NAMES
        assert one.nodatavals == other.nodatavals
        assert one.colorinterp == other.colorinterp
        assert one.tags(ns="SSDIFF")["MS"] == "b.tif, g.tif, r.tif, n.tif"


def test_bands_are_taken_by_number(scene: Scene, tmp_path: Path) -> None:
    picked = sharpen(
        scene.pan, f"{scene.ms},band=3", f"{scene.ms},band=1", "-o", tmp_path / "picked.tif"
    )
    wanted = sharpen(scene.pan, scene.ms, "-b", "3,1", "-o", tmp_path / "wanted.tif")
    assert np.array_equal(pixels(picked), pixels(wanted))
    pan = tmp_path / "two.tif"
    rewrite(scene.pan, pan, count=2)
    again = sharpen(f"{pan},band=2", scene.ms, "-b", "3,1", "-o", tmp_path / "again.tif")
    assert np.array_equal(pixels(again), pixels(wanted))


def test_colours_follow_from_the_names(scene: Scene, tmp_path: Path) -> None:
    with rasterio.open(scene.ms, "r+") as file:
        file.colorinterp = [ColorInterp.gray] + [ColorInterp.undefined] * 3
    out = sharpen(scene.pan, scene.ms, "--band-names", ",".join(NAMES), "-o", tmp_path / "o.tif")
    with rasterio.open(out) as file:
        assert [colour.name for colour in file.colorinterp[:3]] == ["blue", "green", "red"]


@pytest.mark.parametrize("step", [(2, 0.0), (3, 0.0), (1, 0.37)])
def test_a_band_on_another_grid_lies_where_it_lies(tmp_path: Path, step: tuple[int, float]) -> None:
    times, shift = step
    fine = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    coarse = fine @ Affine.translation(shift - times, -times) @ Affine.scale(times)

    def ramp(path: Path, transform: Affine, size: int) -> Path:
        index = np.arange(size) + 0.5
        x = transform.a * index[None, :] + transform.c
        y = transform.e * index[:, None] + transform.f
        values = 3 * (x - 500_000) / 10 - 2 * (y - 5_000_000) / 10 + 1000
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=size,
            height=size,
            count=1,
            dtype="float32",
            crs="EPSG:32631",
            transform=transform,
        ) as file:
            file.write(np.broadcast_to(values, (size, size)).astype("float32"), 1)
        return path

    paths = [ramp(tmp_path / "fine.tif", fine, 60), ramp(tmp_path / "coarse.tif", coarse, 70)]
    with open_bands([str(path) for path in paths]) as stack:
        one, other = stack.read()
        inner = (slice(8, -8), slice(8, -8))
        assert np.abs(one - other)[inner].max() < 0.01
        for row, col in ((3, 5), (17, 20), (31, 2)):
            window = rasterio.windows.Window(col, row, 9, 7)
            part = stack.read(window=window)
            assert np.array_equal(part[1], other[row : row + 7, col : col + 9])


def test_a_coarser_band_is_told_of(scene: Scene, tmp_path: Path) -> None:
    with rasterio.open(scene.ms) as file:
        profile, red = file.profile, file.read(3)
    rows, cols = (size // 2 * 2 for size in red.shape)
    means = red[:rows, :cols].reshape(rows // 2, 2, cols // 2, 2).mean((1, 3))
    profile |= {"count": 1, "height": rows // 2, "width": cols // 2}
    profile["transform"] = profile["transform"] @ Affine.scale(2)
    with rasterio.open(tmp_path / "coarse.tif", "w", **profile) as file:
        file.write(np.rint(means).astype("uint16"), 1)
    result = ssdiff(
        *("sharpen", "--method", "exp", scene.pan, f"{scene.ms},band=1", tmp_path / "coarse.tif"),
        *("-o", tmp_path / "out.tif"),
    )
    assert "coarse.tif: its pixels are 2 times as wide" in result.stderr
    assert pixels(done(result)).shape[0] == 2


def other_crs(path: Path) -> str:
    rewrite(path, path, crs="EPSG:32632")
    return "another CRS"


def turned(path: Path) -> str:
    with rasterio.open(path) as file:
        transform = file.transform @ Affine.rotation(2)
    rewrite(path, path, transform=transform)
    return "is turned"


def masked(path: Path) -> str:
    rewrite(path, path, nodata=None)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(np.full(file.shape, 255, np.uint8))
    return "a mask of its own"


def elsewhere(path: Path) -> str:
    with rasterio.open(path) as file:
        transform = file.transform @ Affine.translation(9000, 0)
    rewrite(path, path, transform=transform)
    return "the other MS files have no common part"


def missing(path: Path) -> str:
    path.unlink()
    return "No such file"


@pytest.mark.parametrize("spoil", [other_crs, turned, masked, elsewhere, missing])
def test_files_that_do_not_fit_are_refused(
    spoil: Callable[[Path], str], scene: Scene, tmp_path: Path
) -> None:
    parts = split(scene, tmp_path, ("b.tif", "g.tif", "r.tif", "n.tif"))
    words = spoil(parts[2])
    line = refused(ssdiff("sharpen", scene.pan, *parts, "-o", tmp_path / "out.tif"), 3)
    assert "r.tif" in line or spoil is elsewhere
    assert words in line
    assert not list(tmp_path.glob("out*"))


def test_what_cannot_be_meant_is_refused_in_words(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    line = refusal(ssdiff("sharpen", scene.pan, scene.ms, out), 2)
    assert f"no output is named: give it with -o FILE; is {out} meant? Then give -o {out}" in line
    assert "no output" in refusal(ssdiff("sharpen", scene.pan, scene.ms), 2)
    line = refusal(ssdiff("sharpen", scene.pan, f"{scene.ms},band=x", "-o", out), 2)
    assert "band=x is no band number from 1" in line
    line = refusal(ssdiff("sharpen", scene.pan, f"{scene.ms},band=9", "-o", out), 3)
    assert "has 4 bands, not band 9" in line
    line = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, f"{scene.ms},band=2", "-o", scene.ms, "--overwrite"),
        2,
    )
    assert str(scene.ms) in line


@pytest.mark.parametrize(
    ("name", "band"),
    [
        (f"{LANDSAT}_B1.TIF", "coastal"),
        (f"{LANDSAT}_B5.TIF", "nir"),
        ("LE07_L1TP_190025_20020610_20200917_02_T1_B4.TIF", "nir"),
        ("LT05_L1TP_190025_19900610_20200917_02_T1_B7.tif", "swir2"),
        (f"{LANDSAT}_B10.TIF", None),
        ("pleiades_B1.TIF", None),
    ],
)
def test_landsat_names(name: str, band: str | None) -> None:
    assert landsat_name(name) == band
    assert landsat_name(f"some/where/{name}") == band


@pytest.mark.parametrize("how", ["folder", "mtl"])
def test_a_landsat_product(scene: Scene, tmp_path: Path, how: str) -> None:
    folder = landsat(scene, tmp_path / "scene")
    product = folder if how == "folder" else folder / f"{LANDSAT}_MTL.json"
    result = ssdiff("sharpen", product, "--method", "exp", "-o", tmp_path / "out.tif")
    assert f"PAN is {LANDSAT}_B8.TIF, MS is {LANDSAT}_B2.TIF" in result.stderr
    whole = sharpen(scene.pan, scene.ms, "--method", "exp", "-o", tmp_path / "whole.tif")
    assert np.array_equal(pixels(done(result)), pixels(whole))
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.descriptions == NAMES
    assert ssdiff("sharpen", "-q", product, "--dry-run", "-o", "o.tif").stderr == ""


def stac_item(folder: Path, *, version: str) -> Path:
    """A STAC item of Landsat's files: ``eo:bands`` until 1.0, ``bands`` from 1.1 on."""
    key, common = ("eo:bands", "common_name") if version < "1.1" else ("bands", "eo:common_name")
    bands = {"pan": 8, "blue": 2, "green": 3, "red": 4, "nir08": 5}
    assets = {
        name: {
            "href": f"{LANDSAT}_B{number}.TIF",
            "roles": ["data"],
            key: [{"name": f"B{number}", common: name}],
        }
        for name, number in bands.items()
    }
    assets["thumbnail"] = {"href": "t.jpg", "roles": ["thumbnail"], key: [{common: "red"}]}
    path = folder / "item.json"
    path.write_text(json.dumps({"type": "Feature", "stac_version": version, "assets": assets}))
    return path


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_stac_item(scene: Scene, tmp_path: Path, version: str) -> None:
    item = stac_item(landsat(scene, tmp_path / "scene"), version=version)
    out = sharpen(item, "-o", tmp_path / "out.tif")
    whole = sharpen(scene.pan, scene.ms, "-o", tmp_path / "whole.tif")
    assert np.array_equal(pixels(out), pixels(whole))
    with rasterio.open(out) as file:
        assert file.descriptions == NAMES


def test_a_stac_item_of_one_file_with_all_bands(tmp_path: Path) -> None:
    bands = [{"name": name, "common_name": name} for name in NAMES]
    assets = {
        "ms_analytic": {"href": "ms.tif", "eo:bands": bands},
        "pan_analytic": {"href": "pan.tif", "eo:bands": [{"name": "p", "common_name": "pan"}]},
    }
    (tmp_path / "item.json").write_text(json.dumps({"assets": assets}))
    product = find_product(str(tmp_path / "item.json"))
    assert product.pan == str(tmp_path / "pan.tif")
    assert product.ms == tuple(
        f"{tmp_path}/ms.tif,band={number},name={name}" for number, name in enumerate(NAMES, 1)
    )


def test_a_maxar_folder(scene: Scene, tmp_path: Path) -> None:
    for kind, path, letters in (("PAN", scene.pan, "P"), ("MUL", scene.ms, "BGRN")):
        folder = tmp_path / "order" / f"0123_P001_{kind}"
        folder.mkdir(parents=True)
        shutil.copy(path, folder / f"{kind}.TIF")
        groups = "".join(f"BEGIN_GROUP = BAND_{letter}\nEND_GROUP\n" for letter in letters)
        (folder / f"{kind}.IMD").write_text(f'bandId = "x";\n{groups}END;\n')
    result = ssdiff("sharpen", tmp_path / "order", "--method", "bt-h", "-o", tmp_path / "out.tif")
    assert "PAN is PAN.TIF, MS is MUL.TIF (blue, green, red, nir)" in result.stderr
    whole = sharpen(scene.pan, scene.ms, "-o", tmp_path / "whole.tif")
    assert np.array_equal(pixels(done(result)), pixels(whole))


def test_an_airbus_folder(tmp_path: Path) -> None:
    for kind in ("P", "MS"):
        folder = tmp_path / f"IMG_PHR1A_{kind}_001"
        folder.mkdir()
        (folder / f"DIM_PHR1A_{kind}_1.XML").write_text(
            f"<D><P><SPECTRAL_PROCESSING>{kind}</SPECTRAL_PROCESSING></P></D>"
        )
    product = find_product(str(tmp_path))
    assert [Path(product.pan).name, *(Path(one).name for one in product.ms)] == [
        "DIM_PHR1A_P_1.XML",
        "DIM_PHR1A_MS_1.XML",
    ]
    (tmp_path / "DIM_SECOND.XML").write_text("<D><SPECTRAL_PROCESSING>P</SPECTRAL_PROCESSING></D>")
    with pytest.raises(InputError, match="holds 2 PAN images: name PAN and MS"):
        find_product(str(tmp_path))
    (tmp_path / "DIM_SECOND.XML").write_text("no XML")
    with pytest.raises(InputError, match="is no XML"):
        find_product(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no folder and no STAC item"), ("{", "cannot be read"), ("[]", "has assets")],
)
def test_what_is_no_product_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "thing.json"
    name = path if text is not None else tmp_path / "thing.tif"
    path.write_text(text or "")
    line = refusal(ssdiff("sharpen", name, "-o", tmp_path / "out.tif"), 3)
    assert words in line
    (tmp_path / "empty").mkdir()
    line = refusal(ssdiff("check", tmp_path / "empty"), 3)
    assert "holds no PAN image that is known: name PAN and MS" in line
