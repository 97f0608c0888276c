"""``--sensor auto``, the default: MTF gains from the pair itself, and where they are seen."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine

from ssdiff_models.scene.sensors import get
from tests.cli.calls import answer, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

GAINS = get("qb").ms_gains


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=448, seed=5)


def fused(path: Path) -> npt.NDArray[np.float64]:
    with rasterio.open(path) as file:
        return np.asarray(file.read(), dtype=np.float64)


def tags(path: Path) -> dict[str, str]:
    with rasterio.open(path) as file:
        found: dict[str, str] = file.tags(ns="SSDIFF")
        return found


def numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def test_check_tells_the_gains_that_the_scene_was_made_with(scene: Scene) -> None:
    found = answer("check", scene.pan, scene.ms)
    assert found["sensor"] == "auto"
    assert found["mtf"]["gains"] == pytest.approx(GAINS, abs=0.03)
    assert max(found["mtf"]["errors"]) < 0.04
    assert found["statistics"]["mtf"] == found["mtf"]
    (line,) = [
        line
        for line in ssdiff("check", scene.pan, scene.ms).stdout.splitlines()
        if line.startswith("MTF")
    ]
    assert f"{found['mtf']['gains'][0]:.2f} ± 0.0" in line


def test_a_named_sensor_decides(scene: Scene, tmp_path: Path) -> None:
    found = answer("check", scene.pan, scene.ms, "--sensor", "ge1")
    assert (found["sensor"], found["mtf"]["gains"]) == ("ge1", [0.23] * 4)
    assert "mtf" not in found["statistics"]
    words = ("sharpen", scene.pan, scene.ms, "--method", "mtf-glp-fs")
    answer(*words, "-o", tmp_path / "ge1.tif", "--sensor", "ge1")
    answer(*words, "-o", tmp_path / "auto.tif", "--sensor", "auto")
    answer(*words, "-o", tmp_path / "default.tif")
    written = tags(tmp_path / "ge1.tif")
    assert (written["SENSOR"], written["MTF_GAINS"]) == ("ge1", "0.23,0.23,0.23,0.23")
    assert (tmp_path / "auto.tif").read_bytes() == (tmp_path / "default.tif").read_bytes()
    written = tags(tmp_path / "auto.tif")
    assert written["SENSOR"] == "auto"
    assert numbers(written["MTF_GAINS"]) == pytest.approx(GAINS, abs=0.03)
    assert all(0 < error < 0.04 for error in numbers(written["MTF_ERRORS"]))


def test_the_estimate_serves_as_well_as_the_instruments_own_mtf(
    scene: Scene, tmp_path: Path
) -> None:
    truth = scene.pair.truth.astype(np.float64)
    words = ("sharpen", scene.pan, scene.ms, "--method", "mtf-glp-fs")
    errors = {}
    for sensor in ("auto", "qb"):
        output = tmp_path / f"{sensor}.tif"
        answer(*words, "-o", output, "--sensor", sensor)
        inner = (fused(output) - truth)[:, 32:-32, 32:-32]
        errors[sensor] = float(np.sqrt((inner**2).mean()))
    assert errors["auto"] < 1.01 * errors["qb"]


def test_statistics_keep_the_gains(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    statistics = answer("check", scene.pan, scene.ms, "--model", tiny)["statistics"]
    statistics["mtf"]["gains"] = [0.11, 0.12, 0.13, 0.14]
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps(statistics))
    output = tmp_path / "out.tif"
    words = ("sharpen", scene.pan, scene.ms, "-o", output, "--model", tiny, "--stats", stats)
    answer(*words, "--consistency")
    assert tags(output)["MTF_GAINS"] == "0.11,0.12,0.13,0.14"


@pytest.mark.parametrize("gains", [[0.3] * 3, [0.3, 0.3, 0.3, 1.5]])
def test_gains_that_cannot_be_are_refused(
    gains: list[float], scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    statistics = answer("check", scene.pan, scene.ms, "--model", tiny)["statistics"]
    statistics["mtf"]["gains"] = gains
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps(statistics))
    done = ssdiff("check", scene.pan, scene.ms, "--model", tiny, "--stats", stats)
    assert done.exit_code == 3
    assert "stats.json" in done.stderr


def test_an_area_has_the_gains_of_the_scene(scene: Scene, tmp_path: Path) -> None:
    left, top = (float(value) for value in rasterio.open(scene.pan).transform @ (40, 40))
    box = f"{left},{top - 60},{left + 60},{top}"
    words = ("sharpen", scene.pan, scene.ms, "--method", "mtf-glp-fs", "-o")
    answer(*words, tmp_path / "whole.tif")
    answer(*words, tmp_path / "part.tif", "--bbox", box)
    assert tags(tmp_path / "part.tif")["MTF_GAINS"] == tags(tmp_path / "whole.tif")["MTF_GAINS"]


def test_ms_pixels_of_an_odd_size_tell_as_well(scene: Scene) -> None:
    usual = answer("check", scene.pan, scene.ms)["mtf"]["gains"]
    with rasterio.open(scene.ms, "r+") as file:
        file.transform @= Affine.scale(1.0003)
    found = answer("check", scene.pan, scene.ms)
    assert found["grid_phase"] is not None
    assert found["mtf"]["gains"] == pytest.approx(usual, abs=0.02)


def test_a_turned_ms_does_not_tell(scene: Scene) -> None:
    with rasterio.open(scene.ms, "r+") as file:
        file.transform @= Affine.rotation(8)
    found = answer("check", scene.pan, scene.ms)["mtf"]
    assert found["gains"] == [0.3] * 4
    assert "parallel" in found["reason"]


def test_a_scene_that_is_too_small_says_so(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=64)
    words = ("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif")
    done = ssdiff(*words, "--method", "mtf-glp-fs")
    assert done.exit_code == 0
    assert "ms.tif: MTF gains against the PAN: unknown" in done.stderr.replace("\n", " ")
    assert tags(tmp_path / "out.tif")["MTF_GAINS"] == "0.3,0.3,0.3,0.3"
    assert tags(tmp_path / "out.tif")["MTF_ERRORS"] == ",".join(["unknown"] * 4)


def test_walds_protocol_degrades_by_the_gains_of_the_pair(scene: Scene) -> None:
    gains = answer("check", scene.pan, scene.ms)["mtf"]["gains"]
    words = ("eval", "--reduced-res", scene.pan, scene.ms, "--methods", "exp,mtf-glp-fs")
    found = answer(*words)
    assert found["sensor"] == "auto"
    note = next(note for note in found["notes"] if "MTF gains" in note)
    assert f"{gains[0]:.2f} ± " in note
    other = answer(*words, "--sensor", "generic")
    assert other["methods"]["exp"] != found["methods"]["exp"]


def test_a_sensor_of_fewer_bands_is_no_silent_choice(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=64, sensor="wv2")
    words = ("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--method", "mtf-glp-fs")
    done = ssdiff(*words, "--sensor", "qb")
    assert done.exit_code == 0
    assert "QuickBird (4 bands) has no MTF for band 1, 4, 6, 8" in done.stderr.replace("\n", " ")


def test_a_list_may_ask_for_auto(scene: Scene, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    rows = [f"{scene.pan},{scene.ms},{tmp_path / 'auto.tif'},auto"]
    rows.append(f"{scene.pan},{scene.ms},{tmp_path / 'named.tif'},")
    pairs.write_text("\n".join(["pan,ms,out,sensor", *rows]))
    assert ssdiff("batch", pairs, "--sensor", "ge1", "--method", "mtf-glp-fs").exit_code == 0
    assert tags(tmp_path / "auto.tif")["SENSOR"] == "auto"
    assert tags(tmp_path / "named.tif")["SENSOR"] == "ge1"
