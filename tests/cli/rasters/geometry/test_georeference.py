"""Pairs that ground control points or rational polynomials alone place."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Rasters, centres, north_up, plane
from tests.cli.rasters.placement import PAN, PLACEMENT, check_everywhere, turned


def test_ground_control_points_alone_are_enough(rasters: Rasters) -> None:
    ms = turned(499_940.0, 4_600_030.0, 4.0, 3)
    shape = (130, 130)
    pixels = plane(*centres(ms, shape))[None].astype(np.float32)
    a, b, c, d, e, f = tuple(ms)[:6]
    gcps = [
        GroundControlPoint(row=r, col=k, x=a * k + b * r + c, y=d * k + e * r + f)
        for r in (0, 65, 130)
        for k in (0, 65, 130)
    ]
    paths = (
        rasters.sample("pan.tif", PAN, (400, 400), plane),
        rasters.write("ms.tif", pixels, None, gcps=gcps),
    )
    with open_pair(*paths, options=PairOptions()) as pair:
        check_everywhere(pair, PAN)


def test_ground_control_points_that_contradict_each_other_are_refused(rasters: Rasters) -> None:
    degrees = [
        GroundControlPoint(row=r, col=k, x=3 + 1e-5 * k, y=41 - 1e-5 * r)
        for r in (0, 100)
        for k in (0, 100)
    ]
    metres = GroundControlPoint(row=0, col=0, x=374_150, y=4_829_184)
    paths = (
        rasters.sample("pan.tif", PAN, (400, 400), plane),
        rasters.write(
            "ms.tif",
            np.ones((1, 100, 100), np.float32),
            None,
            crs="EPSG:4326",
            gcps=[*degrees, metres],
        ),
    )
    with (
        pytest.raises(
            InputError, match=r"ms\.tif: its 5 ground control points contradict each other"
        ),
        open_pair(*paths, options=PairOptions()),
    ):
        pass


def linear_rpc(lon: float, lat: float, pixel: float, size: int) -> RPC:
    """Rational polynomials of an image whose columns run along longitude and rows against latitude."""
    return RPC(
        line_off=size / 2, samp_off=size / 2, lat_off=lat, long_off=lon, height_off=100.0,
        line_scale=size / 2, samp_scale=size / 2, lat_scale=size / 2 * pixel, long_scale=size / 2 * pixel, height_scale=500.0,
        line_num_coeff=[0, 0, -1] + [0] * 17, line_den_coeff=[1] + [0] * 19,
        samp_num_coeff=[0, 1] + [0] * 18, samp_den_coeff=[1] + [0] * 19,
        err_bias=0.0, err_rand=0.0,
    )  # fmt: skip


def test_rational_polynomials_alone_are_enough(rasters: Rasters) -> None:
    def write(name: str, pixel: float, size: int) -> str:
        rpcs = linear_rpc(2.5, 41.5, pixel, size)
        # RPCs count from pixel centres: index i is at (i - off) / scale.
        axis = (np.arange(size) - size / 2) * pixel
        pixels = (1000 + 1e6 * axis[None, :] - 2e6 * axis[:, None])[None].astype(np.float32)
        path = rasters.write(name, pixels, None, crs=None)
        with rasterio.open(path, "r+") as out:
            out.rpcs = rpcs
        return path

    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        paths = write("pan.tif", 1e-5, 400), write("ms.tif", 4e-5, 110)
    with open_pair(*paths, options=PairOptions()) as pair:
        assert pair.ratio == 4
        window = Window(row=100, col=100, rows=200, cols=200)
        patch, model = pair.read(window), pair.grid.ms_window(window)
        assert patch.valid.all()
        axis = [
            (np.arange(first, first + size) * 4 + 1.5 - 200) * 1e-5
            for first, size in ((model.row, model.rows), (model.col, model.cols))
        ]
        expected = 1000 + 1e6 * axis[1][None, :] - 2e6 * axis[0][:, None]
        assert np.abs(patch.ms[0] - expected).max() / 80 < PLACEMENT


def test_rational_polynomials_take_an_elevation_model_or_say_what_is_wrong_with_it(
    rasters: Rasters, tmp_path: Path
) -> None:
    def write(name: str, pixel: float, size: int) -> str:
        path = rasters.write(name, np.ones((1, size, size), np.float32), None, crs=None)
        with rasterio.open(path, "r+") as out:
            out.rpcs = linear_rpc(2.5, 41.5, pixel, size)
        return path

    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        paths = write("pan.tif", 1e-5, 400), write("ms.tif", 4e-5, 100)
    heights = rasters.write(
        "dem.tif",
        np.full((1, 40, 40), 130, np.float32),
        north_up(2.49, 41.51, 0.0005),
        crs="EPSG:4326",
    )
    with open_pair(*paths, options=PairOptions(rpc_dem=heights)) as pair:
        assert pair.read(Window(row=0, col=0, rows=400, cols=400)).valid.mean() > 0.98
    with (
        pytest.raises(InputError),
        open_pair(*paths, options=PairOptions(rpc_dem=str(tmp_path / "nowhere.tif"))),
    ):
        pass


def test_polynomials_win_over_corners_in_whole_arc_seconds(rasters: Rasters) -> None:
    def write(name: str, pixel: float, size: int, moved: float) -> str:
        def corner(row: float, col: float) -> GroundControlPoint:
            lon, lat = 2.5 + (col - size / 2) * pixel, 41.5 - (row - size / 2) * pixel
            x, y = (round(value * 3600) / 3600 + moved for value in (lon, lat))
            return GroundControlPoint(row=row, col=col, x=x, y=y)

        ends = (0.5, size - 0.5)
        gcps = [corner(row, col) for row in ends for col in ends]
        pixels = np.ones((1, size, size), np.float32)
        path = rasters.write(name, pixels, None, crs="EPSG:4326", gcps=gcps)
        with rasterio.open(path, "r+") as out:
            out.rpcs = linear_rpc(2.5, 41.5, pixel, size)
        return path

    paths = write("pan.tif", 1e-5, 400, 0), write("ms.tif", 4e-5, 100, 0)
    with open_pair(*paths, options=PairOptions()) as pair:
        kinds = pair.files.pan_georeference.kind, pair.files.ms_georeference.kind
        assert kinds == ("rpcs", "rpcs")
        assert pair.measured_ratio == pytest.approx((4, 4), rel=1e-3)
    exact = write("pan.tif", 1e-5, 400, 3e-5), write("ms.tif", 4e-5, 100, 3e-5)
    with open_pair(*exact, options=PairOptions()) as pair:
        assert pair.files.pan_georeference.kind == "gcps"
