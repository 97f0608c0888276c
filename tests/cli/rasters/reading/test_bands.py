"""Holes: recognised whatever marks them, filled before use, never grown and never shrunk."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from ssdiff_cli.rasters.reading.fill import fill_invalid, fill_margin
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import InputError
from ssdiff_models.resampling.taps import MS_HALO
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Array, Rasters

PAN = Affine(1.0, 0, 500_000.0, 0, -1.0, 4_600_000.0)
MS = Affine(4.0, 0, 500_000.0, 0, -4.0, 4_600_000.0)
WHOLE = Window(row=0, col=0, rows=240, cols=240)
PAN_HOLE = np.s_[100:131, 60:75]
MS_HOLE = np.s_[30:36, 20:24]
UNDER_MS_HOLE = np.s_[120:144, 80:96]


def scene() -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    return rng.integers(100, 3000, (1, 240, 240)).astype(np.uint16), rng.integers(
        100, 3000, (3, 60, 60)
    ).astype(np.uint16)


def holed(pixels: Array, hole: tuple[slice, slice], value: float) -> Array:
    out = pixels.copy()
    out[:, hole[0], hole[1]] = value
    return out


def mask_of(pixels: Array, hole: tuple[slice, slice]) -> Array:
    mask = np.ones(pixels.shape[1:], bool)
    mask[hole] = False
    return mask


def with_alpha(
    rasters: Rasters, name: str, pixels: Array, transform: Affine, hole: tuple[slice, slice]
) -> str:
    alpha = np.where(mask_of(pixels, hole), 65535, 0).astype(np.uint16)[None]
    path = rasters.write(name, np.concatenate([pixels, alpha]), transform, alpha="unspecified")
    with rasterio.open(path, "r+") as out:
        out.colorinterp = [*[ColorInterp.gray] * len(pixels), ColorInterp.alpha]
    return str(path)


def in_one_band(
    rasters: Rasters, name: str, pixels: Array, transform: Affine, hole: tuple[slice, slice]
) -> str:
    out = pixels.copy()
    out[-1, hole[0], hole[1]] = 7
    return str(rasters.write(name, out, transform, nodata=7))


def masked(
    rasters: Rasters, name: str, pixels: Array, transform: Affine, hole: tuple[slice, slice]
) -> str:
    return str(rasters.write(name, holed(pixels, hole, 9), transform, mask=mask_of(pixels, hole)))


def side_car(
    rasters: Rasters, name: str, pixels: Array, transform: Affine, hole: tuple[slice, slice]
) -> str:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        path = masked(rasters, name, pixels, transform, hole)
    assert (rasters.folder / f"{name}.msk").exists()
    return path


KINDS: dict[str, Callable[[Any, str, Array, Affine, tuple[slice, slice]], str]] = {
    "nodata 0": lambda r, n, p, t, h: r.write(n, holed(p, h, 0), t, nodata=0),
    "nodata 65535": lambda r, n, p, t, h: r.write(n, holed(p, h, 65535), t, nodata=65535),
    "signed nodata": lambda r, n, p, t, h: r.write(
        n, holed(p.astype(np.int32), h, -9999), t, nodata=-9999
    ),
    "float nodata": lambda r, n, p, t, h: r.write(
        n, holed(p.astype(np.float32), h, -3.4028234663852886e38), t, nodata=-3.4028234663852886e38
    ),
    "NaN": lambda r, n, p, t, h: r.write(n, holed(p.astype(np.float32), h, np.nan), t),
    "infinite": lambda r, n, p, t, h: r.write(
        n, holed(p.astype(np.float64), h, np.inf), t, nodata=-1
    ),
    "beyond float32": lambda r, n, p, t, h: r.write(n, holed(p.astype(np.float64), h, 1e300), t),
    "one band": in_one_band,
    "alpha": with_alpha,
    "internal mask": masked,
    "side-car mask": side_car,
}


def read_all(pan: str, ms: str, **options: Any) -> Patch:
    with open_pair(pan, ms, options=PairOptions(**options)) as pair:
        return pair.read(WHOLE)


@pytest.mark.parametrize("pan_kind", [None, *KINDS])
@pytest.mark.parametrize("ms_kind", ["nodata 65535", "NaN"])
def test_holes_of_the_pan_are_holes(pan_kind: str | None, ms_kind: str, rasters: Rasters) -> None:
    pan, ms = scene()
    pan_path = (
        rasters.write("pan.tif", pan, PAN)
        if pan_kind is None
        else KINDS[pan_kind](rasters, "pan.tif", pan, PAN, PAN_HOLE)
    )
    check_holes(
        pan_path,
        KINDS[ms_kind](rasters, "ms.tif", ms, MS, MS_HOLE),
        pan,
        ms,
        None if pan_kind is None else PAN_HOLE,
    )


@pytest.mark.parametrize("ms_kind", KINDS)
def test_holes_of_the_ms_are_holes(ms_kind: str, rasters: Rasters) -> None:
    pan, ms = scene()
    pan_path = KINDS["nodata 0"](rasters, "pan.tif", pan, PAN, PAN_HOLE)
    check_holes(pan_path, KINDS[ms_kind](rasters, "ms.tif", ms, MS, MS_HOLE), pan, ms, PAN_HOLE)


def check_holes(
    pan_path: str, ms_path: str, pan: Array, ms: Array, pan_hole: tuple[slice, slice] | None
) -> None:
    expected = np.ones(WHOLE.shape, bool)
    expected[UNDER_MS_HOLE] = False
    if pan_hole is not None:
        expected[pan_hole] = False
    patch = read_all(pan_path, ms_path)
    assert np.array_equal(patch.valid, expected)
    seen = mask_of(pan, pan_hole) if pan_hole is not None else np.ones(WHOLE.shape, bool)
    assert np.array_equal(patch.pan[seen], pan[0][seen])
    inner = patch.ms[:, MS_HALO:-MS_HALO, MS_HALO:-MS_HALO]
    kept = mask_of(ms, MS_HOLE)
    assert np.array_equal(inner[:, kept], ms[:, kept])
    for values in (patch.pan, inner):
        assert values.min() >= 90
        assert values.max() <= 3010


def test_a_hole_changes_nothing_beyond_the_kernel(rasters: Rasters) -> None:
    pan, ms = scene()
    shifted = Affine(4.0, 0, 500_001.3, 0, -4.0, 4_600_000.9)
    pan_path = rasters.write("pan.tif", pan, PAN)
    paths = (
        rasters.write("whole.tif", ms, shifted),
        rasters.write("holed.tif", holed(ms, MS_HOLE, 0), shifted, nodata=0),
    )
    whole, holey = (read_all(pan_path, path) for path in paths)
    near = np.zeros(whole.ms.shape[1:], bool)
    # The hole with the six pixels that the kernel reaches on either side, on the model grid with its halo.
    near[MS_HALO + 30 - 7 : MS_HALO + 36 + 7, MS_HALO + 20 - 7 : MS_HALO + 24 + 7] = True
    assert np.array_equal(whole.ms[:, ~near], holey.ms[:, ~near])
    assert not np.array_equal(whole.ms[:, near], holey.ms[:, near])
    # Interpolation from the nodata value itself would ring far below the data.
    assert holey.ms.min() > -1500
    assert np.abs(holey.ms - whole.ms)[:, near].max() < 3500


def test_an_ms_pixel_covers_exactly_its_pan_pixels(rasters: Rasters) -> None:
    pan, ms = scene()
    ms[:, 10, 20] = 0
    paths = (
        rasters.write("pan.tif", pan, PAN),
        rasters.write("ms.tif", ms, Affine(4.0, 0, 500_001.0, 0, -4.0, 4_599_998.0), nodata=0),
    )
    rows, cols = np.nonzero(~read_all(*paths).valid[4:, 2:])
    assert set(rows + 4) == set(range(42, 46))
    assert set(cols + 2) == set(range(81, 85))


def test_given_nodata_replaces_the_files_own(rasters: Rasters) -> None:
    pan, ms = scene()
    pan[0, 50, 50] = 77
    ms[0, 20, 20], ms[0, 5, 5] = 78, 0
    paths = rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms, MS, nodata=0)
    valid = read_all(*paths, pan_nodata=77.0, ms_nodata=78.0).valid
    assert not valid[50, 50]
    assert not valid[80:84, 80:84].any()
    assert valid.sum() == 240 * 240 - 17


def test_a_nodata_value_that_the_type_cannot_hold_marks_nothing(rasters: Rasters) -> None:
    pan, ms = scene()
    paths = rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms, MS)
    assert read_all(*paths, pan_nodata=-9999.0, ms_nodata=float("nan")).valid.all()


def test_a_scene_of_holes_is_refused_when_its_statistics_are_asked(rasters: Rasters) -> None:
    pan, ms = scene()
    paths = rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms * 0, MS, nodata=0)
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        pytest.raises(InputError, match=r"ms\.tif: has no valid pixel"),
    ):
        pair.statistics()


def test_the_fill_looks_only_as_far_as_it_says() -> None:
    rng = np.random.default_rng(7)
    values, valid = (
        rng.normal(50, 9, (2, 120, 130)).astype(np.float32),
        rng.random((120, 130)) > 0.5,
    )
    valid[40:90, 20:100] = False
    means, margin = np.array([50, 51], np.float32), fill_margin(4)
    values[:, ~valid] = np.nan
    whole = fill_invalid(values, valid, means, 4)
    part = np.s_[30 - margin : 70 + margin, 40 - margin : 80 + margin]
    cut = fill_invalid(values[:, part[0], part[1]], valid[part], means, 4)
    assert np.array_equal(cut[:, margin:-margin, margin:-margin], whole[:, 30:70, 40:80])
    assert np.array_equal(whole[:, valid], values[:, valid])
    # In the middle of the hole only the mean is left; beside valid pixels their values count.
    assert np.allclose(whole[:, 65, 60], means, atol=1e-4)


def test_a_filled_hole_in_a_constant_is_that_constant() -> None:
    valid = np.ones((40, 40), bool)
    valid[10:20, 12:22] = False
    filled = fill_invalid(
        np.full((1, 40, 40), 812, np.float32), valid, np.array([300], np.float32), 4
    )
    assert np.abs(filled - 812).max() < 10


def test_the_window_beyond_the_scene_is_mirrored_and_invalid(rasters: Rasters) -> None:
    pan, ms = scene()
    paths = rasters.write("pan.tif", pan, PAN), rasters.write("ms.tif", ms, MS)
    window = Window(row=-8, col=230, rows=30, cols=20)
    with open_pair(*paths, options=PairOptions()) as pair:
        patch = pair.read(window)
        assert patch.ms.shape[1:] == pair.grid.ms_window(window).shape
    assert np.array_equal(patch.pan, np.pad(pan[0], 20, "symmetric")[12:42, 250:270])
    assert np.array_equal(np.argwhere(patch.valid).max(0), [29, 9])
    assert patch.valid.sum() == 22 * 10
