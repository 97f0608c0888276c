"""The MS lands where its georeferencing says, for every window and every kind of georeferencing."""

from typing import Any

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.consistency.target import ScatteredTarget, target_of
from ssdiff_models.registration.scene_shift import SceneShift
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.source import SCATTERED_MARGIN, NativeMs, ScatteredMs
from ssdiff_models.scene.windows import Window
from tests.cli.rasters.fields import Rasters, centres, north_up, plane, waves
from tests.cli.rasters.placement import PAN, check_everywhere, turned

CASES: dict[str, tuple[Affine, Affine, dict[str, Any]]] = {
    "aligned": (PAN, north_up(500_000.0, 4_600_000.0, 4.0), {}),
    "sub-pixel origin": (PAN, north_up(500_001.3, 4_599_997.8, 4.0), {}),
    "phase of PanCollection": (PAN, north_up(500_000.0, 4_600_000.0, 4.0), {"ms_phase": 2.0}),
    "ratio 4.015": (PAN, north_up(499_999.1, 4_600_002.2, 4.015), {}),
    "ratio 3.2": (PAN, north_up(499_999.1, 4_600_002.2, 3.2), {"ratio": 4}),
    "flipped rows": (PAN, Affine(4.0, 0, 500_000.0, 0, 4.0, 4_599_600.4), {}),
    "turned by half": (PAN, Affine(-4.0, 0, 500_400.7, 0, 4.0, 4_599_600.4), {}),
    "PAN flipped": (
        Affine(1.0, 0, 500_000.0, 0, 1.0, 4_599_600.0),
        north_up(500_000.5, 4_600_000.0, 4.0),
        {},
    ),
    "pixels not square": (
        north_up(500_000.0, 4_600_000.0, 1.0, 1.5),
        north_up(500_000.7, 4_600_000.0, 4.0, 6.3),
        {},
    ),
    "half a PAN pixel, ratio 2": (PAN, north_up(499_999.5, 4_600_000.5, 2.0), {}),
    "MS on the PAN grid": (PAN, PAN, {}),
    "MS on a shifted PAN grid": (PAN, north_up(500_000.4, 4_600_000.3, 1.1), {"ratio": 4}),
    "both turned": (
        turned(500_000.0, 4_600_000.0, 1.0, 30),
        turned(500_002.0, 4_600_000.0, 4.0, 30),
        {},
    ),
    "turned against each other": (PAN, turned(499_900.0, 4_600_020.0, 4.0, 7), {}),
    "turned, on the PAN grid": (PAN, turned(499_950.0, 4_600_020.0, 1.0, 7), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_plane_is_reproduced_wherever_the_ms_lies(case: str, rasters: Rasters) -> None:
    pan, ms, options = CASES[case]
    pixel = abs(ms.determinant) ** 0.5
    size = int(440 / pixel)
    paths = (
        rasters.sample("pan.tif", pan, (400, 400), plane),
        rasters.sample("ms.tif", ms, (size, size), plane),
    )
    with open_pair(*paths, options=PairOptions(**options)) as pair:
        check_everywhere(pair, pan)


SAME_SIZE = {
    "sub-pixel origin",
    "phase of PanCollection",
    "flipped rows",
    "turned by half",
    "PAN flipped",
    "half a PAN pixel, ratio 2",
    "both turned",
}
"""Cases whose MS pixels are as large as the model's and lie between them."""
NOT_PLACED = {
    "aligned",
    "MS on the PAN grid",
    "MS on a shifted PAN grid",
    "turned, on the PAN grid",
}
"""Cases whose MS pixels are the model's, or were interpolated by somebody else."""


def check_placed(given: ScatteredMs, pan: Affine, window: Window) -> None:
    """MS pixels show the plane where they are said to lie, those under the window among them, with a margin."""
    target = target_of(given)
    assert isinstance(target, ScatteredTarget)
    rows, cols = (place.numpy().astype(float) + 0.5 for place in target.places)
    a, b, c, d, e, f = tuple(pan)[:6]
    cols, rows = cols + window.col, rows + window.row
    expected = plane(a * cols + b * rows + c, d * cols + e * rows + f)
    assert np.abs(given.pixels[0] - expected).max() < 0.02
    for under, size in zip((given.rows, given.cols), given.pixels.shape[1:], strict=True):
        assert under.shape == window.shape
        assert under.min() >= SCATTERED_MARGIN
        assert under.max() <= size - 1 - SCATTERED_MARGIN


@pytest.mark.parametrize("case", CASES)
def test_ms_pixels_between_those_of_the_model_come_along_untouched(
    case: str, rasters: Rasters
) -> None:
    pan, ms, options = CASES[case]
    size = int(440 / abs(ms.determinant) ** 0.5)
    paths = (
        rasters.sample("pan.tif", pan, (400, 400), plane),
        rasters.sample("ms.tif", ms, (size, size), plane),
    )
    with open_pair(*paths, options=PairOptions(**options)) as pair:
        window = Window(row=96, col=112, rows=60, cols=100)
        given = pair.read(window).native_ms
        assert (given is None) == (case in NOT_PLACED)
        assert isinstance(given, NativeMs) == (case in SAME_SIZE)
        if isinstance(given, ScatteredMs):
            check_placed(given, pan, window)
        if not isinstance(given, NativeMs):
            return
        shape = window.rows // pair.ratio, window.cols // pair.ratio
        rows, cols = (
            first + np.arange(count) * pair.ratio + phase + 0.5
            for first, count, phase in zip(
                (window.row, window.col), shape, given.phase, strict=True
            )
        )
        a, b, c, d, e, f = tuple(pan)[:6]
        place = np.meshgrid(cols, rows)
        expected = plane(a * place[0] + b * place[1] + c, d * place[0] + e * place[1] + f)
        assert given.pixels.shape == (1, *shape)
        # Pixels as they are: the plane is exact to float32 and to the ten thousandth of a PAN pixel that phases are rounded to.
        assert np.abs(given.pixels[0] - expected).max() < 0.002
        assert all(abs(phase - pair.ms_phase) <= pair.ratio / 2 for phase in given.phase)


@pytest.mark.parametrize("overhang", range(1, 8))
def test_an_overhang_of_the_pan_moves_nothing(overhang: int, rasters: Rasters) -> None:
    shape = 256 + overhang, 320 + overhang
    paths = (
        rasters.sample("pan.tif", PAN, shape, plane),
        rasters.sample("ms.tif", north_up(500_000.0, 4_600_000.0, 4.0), (64, 80), plane),
    )
    with open_pair(*paths, options=PairOptions()) as pair:
        assert pair.area == Window(row=0, col=0, rows=256, cols=320)
        check_everywhere(pair, PAN)


def test_coinciding_grids_are_not_resampled(rasters: Rasters) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 4000, (3, 40, 50)).astype(np.uint16)
    paths = (
        rasters.sample("pan.tif", PAN, (160, 200), plane),
        rasters.write("ms.tif", pixels, north_up(500_000.0 + 1e-5, 4_600_000.0, 4.0)),
    )
    with open_pair(*paths, options=PairOptions(bidx=(3, 1))) as pair:
        patch = pair.read(Window(row=40, col=44, rows=80, cols=100))
        assert np.array_equal(patch.ms, pixels[[2, 0], :40, 1:46])
        assert patch.valid.all()
        tall = pair.read(Window(row=-40, col=0, rows=300, cols=8))
        mirrored = np.pad(pixels[[2, 0]], ((0, 0), (20, 35), (10, 0)), "symmetric")[:, :, :22]
        assert np.array_equal(tall.ms, mirrored)


def test_waves_of_six_pixels_keep_their_height(rasters: Rasters) -> None:
    ms = north_up(500_001.7, 4_600_001.2, 4.0)
    paths = (
        rasters.sample("pan.tif", PAN, (400, 400), waves),
        rasters.sample("ms.tif", ms, (104, 104), waves),
    )
    with open_pair(*paths, options=PairOptions()) as pair:
        window = Window(row=80, col=80, rows=200, cols=200)
        model = ModelGrid.aligned(4).ms_window(window)
        transform = Affine(4.0, 0, 500_000.0 + 4 * model.col, 0, -4.0, 4_600_000.0 - 4 * model.row)
        expected = waves(*centres(transform, model.shape))
        # A cubic kernel is off by 2 to 3 of the 100 DN here.
        assert np.abs(pair.read(window).ms[0] - expected).max() < 0.1


def world_of(ms_crs: str, pan: Affine, size: int) -> tuple[float, float, float, float]:
    to_ms = pyproj.Transformer.from_crs("EPSG:32631", ms_crs, always_xy=True)
    return to_ms.transform_bounds(pan.c - 40, pan.f - size - 40, pan.c + size + 40, pan.f + 40)


@pytest.mark.parametrize("ms_crs", ["EPSG:32632", "EPSG:4326", "EPSG:3857"])
def test_another_crs_lands_where_it_belongs(ms_crs: str, rasters: Rasters) -> None:
    left, bottom, right, top = world_of(ms_crs, PAN, 400)
    # Square on the ground: about 4 m in each CRS.
    scale = {
        "EPSG:32632": (4.0, 4.0),
        "EPSG:4326": (4.0 / 83_000, 4.0 / 111_000),
        "EPSG:3857": (5.35, 5.35),
    }[ms_crs]
    ms = Affine(scale[0], 0, left, 0, -scale[1], top)
    shape = int((top - bottom) / scale[1]), int((right - left) / scale[0])
    back = pyproj.Transformer.from_crs(ms_crs, "EPSG:32631", always_xy=True)
    pixels = plane(*back.transform(*centres(ms, shape)))[None].astype(np.float32)
    paths = (
        rasters.sample("pan.tif", PAN, (400, 400), plane),
        rasters.write("ms.tif", pixels, ms, crs=ms_crs),
    )
    with open_pair(*paths, options=PairOptions()) as pair:
        assert pair.ratio == 4
        assert pair.area == Window(row=0, col=0, rows=400, cols=400)
        check_everywhere(pair, PAN)


def test_a_shift_moves_the_ms_by_pan_pixels(rasters: Rasters) -> None:
    paths = (
        rasters.sample("pan.tif", PAN, (400, 400), plane),
        rasters.sample("ms.tif", north_up(500_000.0, 4_600_000.0, 4.0), (100, 100), plane),
    )
    window = Window(row=160, col=160, rows=80, cols=80)
    shift = SceneShift(rows=0.0, cols=1.25, spread=0.0, correlation=1.0, windows=1)
    with open_pair(*paths, options=PairOptions()) as plain:
        moved = plain.moved(shift)
        # What was 1.25 PAN pixels further left, and so lower by 7 DN per metre, is here now.
        assert np.allclose(moved.read(window).ms, plain.read(window).ms - 1.25 * 7, atol=0.01)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    row=st.integers(-60, 90),
    col=st.integers(-60, 90),
    rows=st.integers(1, 70),
    cols=st.integers(1, 70),
    degrees=st.sampled_from([0, 5]),
)
def test_a_pixel_does_not_know_its_window(
    row: int, col: int, rows: int, cols: int, degrees: int, rasters: Rasters
) -> None:
    rng = np.random.default_rng(3)
    pan, ms = (
        rng.normal(500, 90, (1, 93, 81)).astype(np.float32),
        rng.normal(500, 90, (2, 26, 24)).astype(np.float32),
    )
    pan[0, 20:40, 30:33] = np.nan
    ms[1, 5:9, 4:8] = np.nan
    paths = (
        rasters.write(f"pan{degrees}.tif", pan, PAN),
        rasters.write(f"ms{degrees}.tif", ms, turned(500_001.3, 4_600_002.0, 4.1, degrees)),
    )
    big = Window(row=-80, col=-80, rows=300, cols=300)
    window = Window(row=row, col=col, rows=rows, cols=cols)
    with open_pair(*paths, options=PairOptions()) as pair:
        whole, part = pair.read(big), pair.read(window)
    here = window.within(big)
    assert np.array_equal(whole.pan[here], part.pan)
    assert np.array_equal(whole.valid[here], part.valid)
    here = ModelGrid.aligned(4).ms_window(window).within(ModelGrid.aligned(4).ms_window(big))
    assert np.array_equal(whole.ms[:, here[0], here[1]], part.ms)
    assert np.isfinite(part.ms).all()
    assert np.isfinite(part.pan).all()
