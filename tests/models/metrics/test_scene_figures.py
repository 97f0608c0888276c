"""The figures at full resolution: formulas, pieces of scenes, holes, grids of any phase and ratio."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from ssdiff_models import metrics
from ssdiff_models.errors import InputError
from ssdiff_models.metrics import FullResolution, Piece
from ssdiff_models.metrics.sensor_view import reduced
from ssdiff_models.scene import sensors
from tests.models.metrics import naive, naive_fullres

Image = npt.NDArray[np.float64]
GENERIC = sensors.get("generic")
GAIN = GENERIC.gains(1)[0]


def scene(
    *, bands: int = 3, rows: int = 256, cols: int = 192, ratio: int = 4
) -> tuple[Image, Image, Image]:
    """A fused image, its PAN and an MS that is not quite what the image gives."""
    rng = np.random.default_rng(bands)
    pan = gaussian_filter(400 + 900 * rng.random((rows, cols)), 0.8)
    shares = 0.6 + 0.3 * np.arange(bands)[:, None, None]
    fused = pan * shares + rng.normal(0, 9, (bands, rows, cols))
    places = [(ratio // 2, ratio // 2)] * bands
    ms = naive_fullres.reprojected(fused, (GAIN,) * bands, ratio, places)
    return fused, pan, ms + rng.normal(0, 5, ms.shape)


def scores(
    fused: Image, pan: Image, ms: Image, *, ratio: int = 4, **valid: npt.NDArray[np.bool_]
) -> dict[str, float]:
    lms = ms.repeat(ratio, 1).repeat(ratio, 2)
    return metrics.full_resolution_scores(
        fused,
        lms,
        pan,
        ms,
        sensor=GENERIC,
        ratio=ratio,
        valid=valid.get("valid"),
    )


@pytest.mark.parametrize(
    ("bands", "ratio", "size"),
    [(1, 4, (128, 128)), (3, 4, (136, 152)), (2, 4, (152, 128)), (2, 2, (64, 72))],
)
def test_figures_are_their_formulas(bands: int, ratio: int, size: tuple[int, int]) -> None:
    fused, pan, ms = scene(bands=bands, rows=size[0], cols=size[1], ratio=ratio)
    found = scores(fused, pan, ms, ratio=ratio)
    gains = (GAIN,) * bands
    places = naive_fullres.alignment(pan, ms, GAIN, ratio)
    seen = naive_fullres.reprojected(fused, gains, ratio, places)
    rhos = naive_fullres.d_rho(fused, pan, ratio)
    quality = found["r_q2n"]
    want = {
        "d_rho": np.mean(rhos),
        "d_rho_worst": max(rhos),
        "r_sam": naive_fullres.r_sam(seen, ms),
        "r_ergas": naive.ergas(seen, ms, ratio),
        "d_lambda_align": 1 - quality,
        "d_s_r": naive_fullres.d_s_r(fused, pan),
        "rqnr": (1 - found["d_lambda_khan"]) * (1 - found["d_s_r"]),
        **naive_fullres.detail(fused, pan),
    }
    assert {name: found[name] for name in want} == pytest.approx(want, rel=1e-6, abs=1e-6)
    odd = [side // ratio % 32 > 0 for side in size]
    if odd[0] == odd[1]:
        # The tool does not define one odd side.
        assert quality == pytest.approx(naive_fullres.r_q2n(seen, ms), rel=1e-9)


def pieces_of(images: dict[str, Image], valid: npt.NDArray[np.bool_]) -> list[Piece]:
    """Four pieces of a scene of 576 x 288 pixels, with their surroundings."""
    found = []
    for row, col in itertools.product((0, 128), repeat=2):
        rows, cols = slice(row, 128 if row == 0 else 576), slice(col, 128 if col == 0 else 288)
        wide = slice(max(row - 24, 0), rows.stop + 24), slice(max(col - 24, 0), cols.stop + 24)
        inner = tuple(
            slice(own.start - around.start, own.stop - around.start)
            for own, around in zip((rows, cols), wide, strict=True)
        )
        parts = {name: image[..., *wide] for name, image in images.items() if name != "ms"}
        coarse = [slice(side.start // 4, side.stop // 4) for side in wide]
        parts["ms"] = images["ms"][:, *coarse]
        found.append(Piece(**parts, inner=(inner[0], inner[1]), valid=valid[wide]))
    return found


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("place", [(1.0, 2.0), (1.37, -0.6)])
def test_pieces_of_a_scene_add_up_to_it(bands: int, place: tuple[float, float]) -> None:
    fused, pan, ms = scene(bands=bands, rows=576, cols=288)
    lms = ms.repeat(4, 1).repeat(4, 2)
    images = {"fused": fused, "lms": lms, "pan": pan, "pan_low": lms.mean(axis=0), "ms": ms}
    valid = np.ones(pan.shape, dtype=np.bool_)
    valid[140:160, 110:133] = False
    figures = []
    for pieces in ([Piece.whole(**images, valid=valid)], pieces_of(images, valid)):
        total = FullResolution(sensor=GENERIC, ratio=4, places=[place] * bands, size=(144, 72))
        for piece in pieces:
            total.update(piece)
        figures.append(total.result())
    whole, tiled = figures
    assert tiled == pytest.approx(whole, rel=1e-9, nan_ok=True)
    assert whole["r_sam"] > 0 or bands == 1


def test_what_a_hole_holds_does_not_matter() -> None:
    fused, pan, ms = scene()
    valid = np.ones(pan.shape, dtype=np.bool_)
    valid[40:60, 50:81] = False
    want = scores(fused, pan, ms, valid=valid)
    fused[:, ~valid] = np.nan
    pan[~valid] = 9e6
    names = set(want) - {"d_lambda_khan", "d_s", "hqnr", "qnr", "rqnr", "d_lambda"}
    found = scores(fused, np.where(valid, pan, 1e9), ms, valid=valid)
    assert {name: found[name] for name in names} == pytest.approx(
        {name: want[name] for name in names}, rel=1e-12
    )


def test_a_hole_changes_figures_little() -> None:
    fused, pan, ms = scene(rows=256, cols=256)
    valid = np.ones(pan.shape, dtype=np.bool_)
    valid[100:104, 100:103] = False
    hole = scores(fused, pan, ms, valid=valid)
    whole = scores(fused, pan, ms)
    for name in ("d_rho", "slope", "corr", "other", "r_sam", "r_ergas", "d_s_r"):
        assert hole[name] == pytest.approx(whole[name], rel=0.03)
        assert hole[name] != whole[name]


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_a_ramp_is_sampled_at_the_places_of_the_ms(ratio: int) -> None:
    rows, cols = np.mgrid[: 40 * ratio, : 40 * ratio].astype(float)
    ramp = 3 * rows + 5 * cols
    place = (0.4 * ratio, ratio - 0.7)
    valid = np.ones(ramp.shape, dtype=np.bool_)
    seen = reduced(ramp, valid, gain=0.3, ratio=ratio, place=place)
    i, j = np.mgrid[:40, :40]
    want = 3 * (ratio * i + place[0]) + 5 * (ratio * j + place[1])
    inner = slice(12, -12)
    assert seen[inner, inner] == pytest.approx(want[inner, inner], abs=5e-3)


def test_an_instrument_coarser_than_the_grid_sees_less() -> None:
    waves = np.sin(2 * np.pi * np.arange(240) / 12)[:, None] * np.ones(240)
    valid = np.ones(waves.shape, dtype=np.bool_)
    seen = [
        reduced(waves, valid, gain=0.3, ratio=3, place=(1.0, 1.0), pitch=pitch)[20:60, 20:60].std()
        for pitch in (None, 3, 3.6)
    ]
    # A Gaussian of 0.3 at half the sampling frequency of the pitch.
    want = [0.3 ** ((2 * pitch / 12) ** 2) / math.sqrt(2) for pitch in (3, 3, 3.6)]
    assert seen == pytest.approx(want, rel=0.05)


def test_detail_is_gain_and_origin() -> None:
    fused, pan, ms = scene()
    copies = np.stack([pan, 2 * pan + 7])
    same = scores(copies, pan, ms[:2])
    assert (same["gain"], same["corr"], same["slope"]) == pytest.approx((1, 1, 1))
    assert (same["other"], same["d_rho"], same["d_s_r"]) == pytest.approx((0, 0, 0), abs=1e-7)
    soft = gaussian_filter(pan, 1.5)
    assert scores(np.stack([soft, soft + fused[0] * 1e-3]), pan, ms[:2])["slope"] < 0.5
    twice = fused + (pan - gaussian_filter(pan, 1.5)) * 0.8
    assert scores(twice, pan, ms)["slope"] > 1.2


def test_a_band_without_detail_does_not_hide_the_others() -> None:
    fused, pan, _ = scene()
    dead = fused.copy()
    dead[0] = 0
    assert metrics.detail(dead, pan)["other"] == pytest.approx(
        metrics.detail(fused[1:], pan)["other"]
    )
    assert metrics.d_rho(dead, pan, ratio=4)[0] == 1


def test_d_rho_and_detail_alone_are_the_same() -> None:
    fused, pan, ms = scene()
    found = scores(fused, pan, ms)
    bands = metrics.d_rho(fused, pan, ratio=4)
    assert [float(np.mean(bands)), max(bands)] == [found["d_rho"], found["d_rho_worst"]]
    assert metrics.detail(fused, pan) == pytest.approx(
        {name: found[name] for name in ("gain", "corr", "slope", "other")}, rel=1e-9
    )


def test_a_constant_pan_has_no_detail_to_compare() -> None:
    fused, pan, ms = scene()
    found = scores(fused, np.full_like(pan, 300.0), ms)
    assert np.isnan([found[name] for name in ("gain", "corr", "slope", "d_s_r")]).all()
    # Beyond the image are zeros, so that only its border is not flat.
    assert 0.9 < found["d_rho"] < 1


def test_images_that_do_not_fit_are_refused() -> None:
    fused, pan, ms = scene()
    with pytest.raises(InputError, match="at ratio 4 the PAN must have 4 times as many"):
        scores(fused, pan, ms[:, :-1])
    nothing = np.zeros(pan.shape, dtype=np.bool_)
    with pytest.raises(InputError, match="no block of 32 x 32 pixels is wholly valid"):
        scores(fused, pan, ms, valid=nothing)
