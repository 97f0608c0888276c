"""What an output says of itself survives: tags, bands, place."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.sink import SinkOptions
from tests.cli.rasters.fields import Rasters, north_up
from tests.cli.rasters.outputs import run

PAN = north_up(500_000.0, 4_600_000.0, 1.0)
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf rights="none &amp; all"/></x:xmpmeta>'


@pytest.fixture
def paths(rasters: Rasters) -> tuple[str, str]:
    rng = np.random.default_rng(6)
    pan = rasters.write("pan.tif", rng.integers(1, 900, (1, 200, 200)).astype(np.uint16), PAN)
    ms = rasters.write(
        "ms.tif",
        rng.integers(1, 900, (4, 50, 50)).astype(np.uint16),
        north_up(500_000.0, 4_600_000.0, 4.0),
        nodata=0,
    )
    with rasterio.open(pan, "r+") as out:
        out.update_tags(AREA_OR_POINT="Point", TIFFTAG_SOFTWARE="of the PAN")
        out.rpcs = rpcs()
    with rasterio.open(ms, "r+") as out:
        out.colorinterp = [
            ColorInterp.blue,
            ColorInterp.green,
            ColorInterp.red,
            ColorInterp.undefined,
        ]
        out.descriptions = ("blue", "green", "red", "near infrared")
        out.units = ("W/m2", "W/m2", "W/m2", "W/m2")
        out.scales, out.offsets = (0.1, 0.2, 0.3, 0.4), (1.0, 2.0, 3.0, 4.0)
        out.update_tags(ACQUISITION="2020-02-02", TIFFTAG_COPYRIGHT="someone")
        out.update_tags(ns="IMAGERY", CLOUDCOVER="3", SATELLITEID="WV02")
        out.update_tags(ns="xml:XMP", **dict([XMP.split("=", 1)]))
        for band in range(1, 5):
            out.update_tags(
                band, WAVELENGTH=str(400 + 100 * band), STATISTICS_MEAN="7", NAME="a <b> & c"
            )
            out.update_tags(band, ns="RADIOMETRY", GAIN=str(band))
    return pan, ms


def rpcs() -> Any:
    from rasterio.rpc import RPC

    return RPC(
        line_off=100.5, samp_off=90.5, lat_off=41.0, long_off=3.0, height_off=50.0,
        line_scale=100.0, samp_scale=100.0, lat_scale=0.1, long_scale=0.1, height_scale=500.0,
        line_num_coeff=[0, 0, -1] + [0] * 17, line_den_coeff=[1] + [0] * 19,
        samp_num_coeff=[0, 1] + [0] * 18, samp_den_coeff=[1] + [0] * 19,
        err_bias=0.0, err_rand=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["GTiff", "COG"])
def test_tags_bands_and_place_survive(kind: Any, paths: tuple[str, str], tmp_path: Path) -> None:
    output = str(tmp_path / "out.tif")
    options = SinkOptions(format=kind, provenance={"MODEL": "m", "STEPS": "4"})
    part = PairOptions(bidx=(4, 3, 1), bbox=(500_020.0, 4_599_850.0, 500_180.0, 4_599_960.0))
    run(paths, output, options, pair_options=part)
    with rasterio.open(output) as out:
        assert out.descriptions == ("near infrared", "red", "blue")
        assert out.units == ("W/m2",) * 3
        assert out.scales == (0.4, 0.3, 0.1)
        assert out.offsets == (4.0, 3.0, 1.0)
        assert out.colorinterp == (ColorInterp.undefined, ColorInterp.red, ColorInterp.blue)
        assert out.nodata == 0
        assert out.crs == "EPSG:32631"
        assert tuple(out.transform)[:6] == (1.0, 0.0, 500_020.0, 0.0, -1.0, 4_599_960.0)
        tags = out.tags()
        assert (tags["ACQUISITION"], tags["TIFFTAG_COPYRIGHT"], tags["AREA_OR_POINT"]) == (
            "2020-02-02",
            "someone",
            "Point",
        )
        assert "TIFFTAG_SOFTWARE" not in tags
        assert out.tags(ns="IMAGERY") == {"CLOUDCOVER": "3", "SATELLITEID": "WV02"}
        assert out.tags(ns="xml:XMP") == {"xml:XMP": XMP}
        assert out.tags(ns="SSDIFF") == {"MODEL": "m", "STEPS": "4"}
        bands = [out.tags(band) for band in (1, 2, 3)]
        assert bands == [
            {"WAVELENGTH": wave, "NAME": "a <b> & c"} for wave in ("800", "700", "500")
        ]
        assert out.tags(1, ns="RADIOMETRY") == {"GAIN": "4"}
        moved = out.rpcs
        assert (moved.line_off, moved.samp_off) == (100.5 - 40, 90.5 - 20)
        assert moved.line_num_coeff == rpcs().line_num_coeff


def test_ground_control_points_move_with_the_area(rasters: Rasters, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    corners = [(0, 0), (0, 200), (200, 0), (200, 200), (100, 100)]
    gcps = [
        GroundControlPoint(row=r, col=c, x=500_000.0 + c, y=4_600_000.0 - r, id=f"p{r}{c}")
        for r, c in corners
    ]
    paths = (
        rasters.write(
            "pan.tif", rng.integers(1, 900, (1, 200, 200)).astype(np.uint16), None, gcps=gcps
        ),
        rasters.write(
            "ms.tif",
            rng.integers(1, 900, (2, 50, 50)).astype(np.uint16),
            north_up(500_000.0, 4_600_000.0, 4.0),
        ),
    )
    output = str(tmp_path / "out.tif")
    run(
        paths,
        output,
        pair_options=PairOptions(bbox=(500_020.0, 4_599_850.0, 500_180.0, 4_599_960.0)),
    )
    with rasterio.open(output) as out:
        assert out.shape == (110, 160)
        found, crs = out.gcps
        assert crs == "EPSG:32631"
        assert [(p.row, p.col, p.x, p.y) for p in found] == [
            (p.row - 40, p.col - 20, p.x, p.y) for p in gcps
        ]


@pytest.mark.parametrize("nodata", ["inherit", "none"])
def test_a_cog_is_one(nodata: Any, paths: tuple[str, str], tmp_path: Path) -> None:
    output = str(tmp_path / "out.tif")
    run(paths, output, SinkOptions(format="COG", nodata=nodata, creation=(("BLOCKSIZE", "128"),)))
    valid, errors, warnings = cog_validate(output, strict=True, quiet=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(output) as out:
        assert out.overviews(1) == [2]
        assert out.block_shapes[0] == (128, 128)
        per_dataset = rasterio.enums.MaskFlags.per_dataset in out.mask_flag_enums[0]
        assert per_dataset == (nodata == "none")


def test_a_cog_of_packed_bits_leaves_nothing_beside_it(
    paths: tuple[str, str], rasters: Rasters, tmp_path: Path
) -> None:
    ms = rasters.write(
        "packed.tif",
        np.full((4, 50, 50), 2047, np.uint16),
        north_up(500_000.0, 4_600_000.0, 4.0),
        nbits=11,
        nodata=0,
    )
    with rasterio.open(ms, "r+") as out:
        out.update_tags(ns="IMD", satId="QB02")
    (tmp_path / "out[1]").mkdir()
    output = tmp_path / "out[1]" / "out[1].tif"
    run((paths[0], ms), str(output), SinkOptions(format="COG"))
    assert [path.name for path in output.parent.iterdir()] == ["out[1].tif"]
    with rasterio.open(output) as out:
        assert out.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "11"
        assert out.tags(ns="IMD") == {"satId": "QB02"}
    assert cog_validate(str(output), strict=True, quiet=True) == (True, [], [])


def test_an_alpha_band_that_is_fused_is_a_band(
    rasters: Rasters, paths: tuple[str, str], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(6).integers(0, 200, (4, 50, 50)).astype(np.uint8)
    ms = rasters.write(
        "ms.tif", pixels, north_up(500_000.0, 4_600_000.0, 4.0), photometric="RGB", alpha="yes"
    )
    output = str(tmp_path / "out.tif")
    run((paths[0], ms), output, pair_options=PairOptions(bidx=(1, 2, 3, 4)))
    with rasterio.open(output) as out:
        assert [colour.name for colour in out.colorinterp] == ["red", "green", "blue", "undefined"]


def test_a_grid_of_cmyk_inks_says_nothing_of_colour(rasters: Rasters, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    pan = rasters.write("pan.tif", rng.integers(1, 200, (1, 200, 200)).astype(np.uint8), PAN)
    pixels = rng.integers(1, 200, (4, 50, 50)).astype(np.uint8)
    ms = rasters.write("ms.tif", pixels, north_up(500_000.0, 4_600_000.0, 4.0), photometric="CMYK")
    output = str(tmp_path / "out.tif")
    run((pan, ms), output)
    with rasterio.open(output) as out:
        assert out.count == 4
        assert ColorInterp.alpha not in out.colorinterp
        assert ColorInterp.cyan not in out.colorinterp
