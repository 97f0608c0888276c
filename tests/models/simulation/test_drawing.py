"""What landscapes are drawn with: coverage, frames, curves, light, textures."""

import math

import numpy as np
import pytest

from ssdiff_models.simulation.canvas import Canvas, Frame, coverage
from ssdiff_models.simulation.curves import Curve, Swing, course
from ssdiff_models.simulation.light import Sun, direct_light
from ssdiff_models.simulation.texture import FloatArray, fractal, smooth
from ssdiff_models.simulation.vegetation import Stand, grow

GRAIN = 0.5
PALETTE = {
    name: np.array([value, 2 * value], np.float32)
    for name, value in (("paint", 0.4), ("broadleaf", 0.1), ("conifer", 0.1), ("autumn_leaf", 0.1))
}


def canvas(size: int = 80) -> Canvas:
    return Canvas(size=size, grain=GRAIN, palette=PALETTE, rng=np.random.default_rng(0))


@pytest.mark.parametrize("half", [0.05, 0.2, 1.0, 3.3])
@pytest.mark.parametrize("place", [0.0, 0.13, -0.41])
def test_coverage_keeps_the_width_of_a_strip(half: float, place: float) -> None:
    axis = ((np.arange(40) - 19.5) * GRAIN + place).astype(np.float32)
    assert float(coverage(axis, half, GRAIN).sum()) * GRAIN == pytest.approx(2 * half, rel=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 2.5])
def test_a_box_has_its_area_at_any_angle(angle: float) -> None:
    stamp = Frame(canvas=canvas(), v=1.3, u=-0.7, angle=angle).box(3.0, 6.0)
    assert float(stamp.cover.sum()) * GRAIN**2 == pytest.approx(72, rel=0.02)


def test_what_lies_off_the_canvas_draws_nothing() -> None:
    board = canvas()
    off = Frame(canvas=board, v=500.0).box(3, 3)
    assert off.empty
    off.paint("paint")
    assert not board.reflectance.any()


def test_a_box_over_the_edge_is_cut() -> None:
    stamp = Frame(canvas=canvas(), v=-20.0).box(3.0, 4.0)
    assert float(stamp.cover.sum()) * GRAIN**2 == pytest.approx(24, rel=0.02)


def test_paint_mixes_by_cover_in_every_channel() -> None:
    board = canvas()
    stamp = Frame(canvas=board).box(4, 4)
    stamp.paint("paint", shade=0.5, opacity=0.25)
    assert board.reflectance[:, 40, 40] == pytest.approx([0.05, 0.1])
    assert board.reflectance[:, 5, 5] == pytest.approx([0, 0])


def test_frames_go_there_and_back() -> None:
    frame = Frame(canvas=canvas(), v=3.0, u=-2.0, angle=0.7)
    v, u = frame.to_canvas(1.5, -4.0)
    back = frame.from_canvas(np.array([v], np.float32), np.array([u], np.float32))
    assert (float(back[0][0]), float(back[1][0])) == pytest.approx((1.5, -4.0), abs=1e-5)


def test_a_courses_distance_is_the_curves() -> None:
    board = canvas()
    frame = Frame(canvas=board, v=2.0, angle=0.3)
    curve = Curve(frame, (Swing(3.0, 40.0, 1.0), Swing(1.0, 17.0, 0.2)))
    laid = course(curve)
    v, u = board.positions()
    for row, col in ((3, 70), (40, 40), (66, 12)):
        assert laid.aside[row, col] == pytest.approx(
            curve.distance(float(v[row, 0]), float(u[0, col])), abs=1e-3
        )


def test_a_frame_on_a_curve_lies_on_it() -> None:
    frame = Frame(canvas=canvas(), v=2.0, angle=0.3)
    curve = Curve(frame, (Swing(3.0, 40.0, 1.0),))
    at = curve.at(12.0, aside=0.0)
    assert curve.distance(at.v, at.u) == pytest.approx(0, abs=1e-4)


def tower(height: float) -> FloatArray:
    ground = np.zeros((120, 120), np.float32)
    ground[55:65, 55:65] = height
    return ground


def test_shadows_fall_away_from_the_sun_as_long_as_its_height_says() -> None:
    # A sun in the right, 45 degrees high: 8 m of tower throw 8 m of shadow to the left.
    light = direct_light(
        tower(8.0), GRAIN, Sun(azimuth=math.radians(90), elevation=math.radians(45))
    )
    assert light[60, 41] == pytest.approx(0, abs=1e-3)
    assert light[60, 36] == pytest.approx(1, abs=1e-3)
    assert light[60, 70] == pytest.approx(1, abs=1e-3)
    assert light[60, 60] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("azimuth", "row", "col"), [(0, 80, 60), (180, 40, 60), (270, 60, 80), (135, 42, 42)]
)
def test_shadows_lie_opposite_the_sun(azimuth: float, row: int, col: int) -> None:
    light = direct_light(
        tower(14.0), GRAIN, Sun(azimuth=math.radians(azimuth), elevation=math.radians(45))
    )
    assert light[row, col] < 0.01
    assert light[120 - row, 120 - col] == pytest.approx(1, abs=1e-3)


def test_slopes_towards_the_sun_are_brighter() -> None:
    roof = np.broadcast_to(6 - np.abs(np.arange(120) - 60) * 0.05, (120, 120)).astype(np.float32)
    light = direct_light(roof, GRAIN, Sun(azimuth=math.radians(90), elevation=math.radians(45)))
    assert light[60, 90] > 1.05
    assert light[60, 30] < 0.95


def test_flat_ground_is_lit_evenly() -> None:
    assert np.allclose(direct_light(np.zeros((30, 30), np.float32), GRAIN, Sun()), 1)


@pytest.mark.parametrize("scale", [2.0, 7.5])
def test_textures_have_unit_variance_and_their_scale(scale: float) -> None:
    rng = np.random.default_rng(1)
    for field in (smooth(rng, (400, 400), scale), fractal(rng, (400, 400), 4 * scale, 3)):
        assert abs(float(field.mean())) < 0.2
        assert 0.7 < float(field.std()) < 1.3
    wide = smooth(rng, (400, 400), scale)
    near = np.corrcoef(wide[:, :-1].ravel(), wide[:, 1:].ravel())[0, 1]
    far = np.corrcoef(wide[:, : -int(4 * scale)].ravel(), wide[:, int(4 * scale) :].ravel())[0, 1]
    assert near > 0.6
    assert abs(far) < 0.15


def test_trees_grow_only_where_they_may() -> None:
    board = canvas(200)
    board.trees[:, :100] = 1
    grow(board, Stand(spacing=6, radius=(2, 4), height=10), np.random.default_rng(2))
    wooded = board.height > 0
    assert wooded[:, :90].mean() > 0.6
    assert not wooded[:, 100 + int(4 * 1.6 / GRAIN) :].any()
    assert 5 < board.height.max() < 13
