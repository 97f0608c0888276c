"""``ssdiff check``: what it tells of a pair, and that it refuses what sharpen refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.rpc import RPC

from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128, ms_nodata=0)


def test_what_is_known_of_a_pair(scene: Scene, tiny: Path) -> None:
    found = answer("check", scene.pan, scene.ms, "--model", tiny)
    assert found["ok"] is True
    assert (found["ratio"], found["same_crs"]) == (4, True)
    assert found["measured_ratio"] == pytest.approx([4, 4])
    assert (found["pan"]["width"], found["pan"]["dtype"], found["pan"]["crs"]) == (
        128,
        "uint16",
        "EPSG:32631",
    )
    assert (found["ms"]["bands"], found["ms"]["nodata"]) == (
        ["blue", "green", "red", "nir"],
        [0, 0, 0, 0],
    )
    assert found["overlap"] == {
        "col_off": 0,
        "row_off": 0,
        "width": 128,
        "height": 128,
        "share_of_pan": 1.0,
    }
    assert (found["output"]["count"], found["output"]["dtype"]) == (4, "uint16")
    # The factory's MS grid lies 0.62 rows and -0.87 columns off the PAN's corner.
    assert found["grid_phase"] == pytest.approx([0.62, -0.87], abs=1e-3)
    assert abs(found["shift"]["rows"]) < 0.2
    assert 0.9 < found["shift"]["correlation"] <= 1
    assert found["model"]["name"] == "tiny"
    assert found["model"]["band_groups"] == [[1, 2, 3, 4]]
    assert found["warnings"] == []


def test_the_share_of_nodata_is_that_of_the_output(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    share = answer("check", scene.pan, scene.ms, "--model", tiny)["nodata_share"]
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", "--model", tiny)
    with rasterio.open(tmp_path / "out.tif") as file:
        assert share == pytest.approx(float((file.dataset_mask() == 0).mean()), abs=1e-6)
    assert share > 0.001


def test_statistics_are_those_of_the_pixels(scene_factory: SceneFactory, tiny: Path) -> None:
    scene = scene_factory(size=128, margin=0, offset=(0.0, 0.0))
    found = answer("check", scene.pan, scene.ms, "--model", tiny)["statistics"]
    assert found["pan"]["mean"] == pytest.approx(float(scene.pair.pan.mean()))
    assert found["ms"][3]["maximum"] == float(scene.pair.ms[3].max())


def test_the_estimate_is_of_the_right_size(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    needs = answer("check", scene.pan, scene.ms, "--model", tiny, "--num-threads", 1)["estimate"]
    report = answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--model",
        tiny,
        "--num-threads",
        1,
    )
    assert needs["disk_bytes"] == 128 * 128 * 4 * 2
    assert needs["device_memory_bytes"] is None
    assert 1e8 < needs["memory_bytes"] < 4e9
    # Seconds of a busy machine: the order of magnitude counts.
    assert 0 <= needs["seconds"] < 30 * report["seconds"] + 5


def test_people_get_lines(scene: Scene, tiny: Path) -> None:
    done = ssdiff("check", scene.pan, scene.ms, "--model", tiny)
    assert done.exit_code == 0, done.output
    heads = [line.split()[0] for line in done.stdout.splitlines()]
    assert heads[:6] == ["PAN", "MS", "overlap", "output", "ratio", "grid"]
    assert {"shift", "values", "model", "needs"} <= set(heads)


def test_one_band_of_a_pair(scene: Scene, tiny: Path) -> None:
    found = answer("check", scene.pan, scene.ms, "--model", tiny, "--bidx", "3")
    assert found["ms"]["bands"] == ["red"]
    assert len(found["statistics"]["ms"]) == 1


def test_a_turned_ms_has_no_grid_phase(scene: Scene, tiny: Path) -> None:
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.rotation(1.5)
    assert answer("check", scene.pan, scene.ms, "--model", tiny)["grid_phase"] is None
    assert "not parallel" in ssdiff("check", scene.pan, scene.ms, "--model", tiny).stdout


def elsewhere(scene: Scene) -> list[str]:
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = Affine.translation(1e5, 0) @ file.transform
    return []


def too_coarse(scene: Scene) -> list[str]:
    with rasterio.open(scene.ms, "r+") as file:
        file.transform = file.transform @ Affine.scale(5)
    return []


def truncated(scene: Scene) -> list[str]:
    scene.pan.write_bytes(scene.pan.read_bytes()[:200])
    return []


def no_such_band(scene: Scene) -> list[str]:
    del scene
    return ["--bidx", "9"]


@pytest.mark.parametrize("spoil", [elsewhere, too_coarse, truncated, no_such_band])
def test_what_sharpen_refuses_is_refused_with_the_same_words(
    spoil: Callable[[Scene], list[str]], scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    options: list[str | Path] = ["--model", tiny, *spoil(scene)]
    output = tmp_path / "out.tif"
    expected = refusal(ssdiff("sharpen", scene.pan, scene.ms, "-o", output, *options), 3)
    assert refusal(ssdiff("check", scene.pan, scene.ms, *options), 3) == expected
    told = ssdiff("check", scene.pan, scene.ms, "--json", *options)
    record = json.loads(told.stdout)
    assert (told.exit_code, record["ok"], record["exit_code"]) == (3, False, 3)
    assert expected.endswith(record["error"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--model", "no-such"), 4),
        (("--device", "cuda:999"), 5),
        (("--steps", "2000"), 2),
        (("--tile", "50"), 2),
        (("--overlap", "999"), 2),
    ],
)
def test_models_devices_and_settings_are_refused_with_one_code(
    options: tuple[str, ...], code: int, scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    given: tuple[str | Path, ...] = options if "--model" in options else ("--model", tiny, *options)
    expected = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", *given), code
    )
    assert refusal(ssdiff("check", scene.pan, scene.ms, *given), 3) == expected
    assert (
        json.loads(ssdiff("check", scene.pan, scene.ms, "--json", *given).stdout)["exit_code"] == 3
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--method", "no-such"),
        ("--device", "abacus"),
        ("--sensor", "no-such"),
        ("--bbox", "0,0,1,1", "--bbox-crs", "EPSG:no"),
        ("--method", "exp", "--model", "bgrn"),
        ("--bidx", "one"),
        ("--no-such-option",),
    ],
)
def test_a_command_line_that_suits_no_pair_keeps_its_own_code(
    options: tuple[str, ...], scene: Scene, tmp_path: Path
) -> None:
    expected = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, "-o", tmp_path / "out.tif", *options), 2
    )
    assert (
        refusal(ssdiff("check", scene.pan, scene.ms, *options), 2).replace(
            "check --help", "sharpen --help"
        )
        == expected
    )


def test_a_model_of_another_ratio(scene: Scene, tmp_path: Path) -> None:
    landsat = save_tiny(tmp_path, ratio=2)
    found = answer("check", scene.pan, scene.ms, "--model", landsat)
    assert found["ratio"] == 2
    (warning,) = (text for text in found["warnings"] if "PAN pixels" in text)
    assert "its pixels are 4 x 4 PAN pixels, model tiny is for 2 x 2 (1.5 to 2.66)" in warning
    assert "--method bt-h" in warning


@pytest.mark.parametrize(("ratio", "model"), [(2, "landsat"), (3, "bgrn"), (6, "bgrn")])
def test_the_model_of_the_nearest_ratio_is_chosen_and_a_far_one_warned_of(
    scene_factory: SceneFactory, ratio: int, model: str
) -> None:
    scene = scene_factory(size=96, ratio=ratio, offset=(0.0, 0.0))
    found = answer("check", scene.pan, scene.ms)
    assert found["model"]["name"] == model
    assert any("do not hold" in text for text in found["warnings"]) is (ratio == 6)


def rpc_only(path: Path, pixels: int) -> None:
    """Replaces a raster by one that only RPCs place: a plane of a hundredth of a degree."""
    with rasterio.open(path) as file:
        data, profile = file.read(), file.profile
    half = pixels / 2
    line, sample = ([0.0, *(float(i == k) for i in range(1, 20))] for k in (2, 1))
    one = [1.0] + [0.0] * 19
    profile.update(transform=None, crs=None)
    with rasterio.open(path, "w", **profile) as file:
        file.write(data)
        file.rpcs = RPC(
            height_off=0, height_scale=1000, lat_off=45, lat_scale=0.005, long_off=3, long_scale=0.005,
            line_off=half, line_scale=half, samp_off=half, samp_scale=half,
            line_num_coeff=line, line_den_coeff=one, samp_num_coeff=sample, samp_den_coeff=one,
        )  # fmt: skip


def elevations(path: Path, cols: int) -> Path:
    """Writes a plain of 120 m as wide as `cols` hundredths of what the scene needs, from beyond its western edge."""
    with rasterio.open(
        path, "w", driver="GTiff", width=cols, height=50, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(0.001, 0, 2.975, 0, -0.001, 45.025),
    ) as dem:  # fmt: skip
        dem.write(np.full((1, 50, cols), 120, np.float32))
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_elevation_model_for_images_that_only_have_rpcs(
    scene_factory: SceneFactory, tiny: Path, tmp_path: Path
) -> None:
    scene = scene_factory(size=128, offset=(0.0, 0.0), margin=0)
    rpc_only(scene.pan, 128)
    rpc_only(scene.ms, 32)
    found = answer(
        "check",
        scene.pan,
        scene.ms,
        "--model",
        tiny,
        "--rpc-dem",
        elevations(tmp_path / "dem.tif", 50),
    )
    assert found["ratio"] == 4
    assert not any("rpc-dem" in line for line in found["warnings"])
    missing = ssdiff(
        "check", scene.pan, scene.ms, "--model", tiny, "--rpc-dem", tmp_path / "none.tif"
    )
    assert "none.tif" in refusal(missing, 3)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("cols", "share"), [(25, 0.5), (1, 1.0)])
def test_where_an_elevation_model_has_no_heights_the_rpcs_own_stands_in(
    cols: int, share: float, scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=128, offset=(0.0, 0.0), margin=0)
    rpc_only(scene.pan, 128)
    rpc_only(scene.ms, 32)
    dem = elevations(tmp_path / "dem.tif", cols)
    found = answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--rpc-dem",
        dem,
    )
    warnings = [
        line.split("has no heights for ")[1].split("%")[0]
        for line in found["warnings"]
        if "rpc-dem" in line
    ]
    assert [float(part) / 100 for part in warnings] == pytest.approx([share] * 2, abs=0.02)
    with rasterio.open(tmp_path / "out.tif") as file:
        assert min(file.shape) > 120
        assert (file.dataset_mask() > 0).mean() > 0.95


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_heights_that_are_no_numbers_are_refused(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=128, offset=(0.0, 0.0), margin=0)
    rpc_only(scene.pan, 128)
    rpc_only(scene.ms, 32)
    dem = elevations(tmp_path / "dem.tif", 50)
    with rasterio.open(dem, "r+") as file:
        heights = file.read()
        heights[:, 20:28, 20:28] = np.nan
        file.write(heights)
    line = refusal(ssdiff("check", scene.pan, scene.ms, "--method", "exp", "--rpc-dem", dem), 3)
    assert "dem.tif: has heights that are no numbers" in line
    assert "-dstnodata" in line


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_damaged_elevation_model_is_refused(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=128, offset=(0.0, 0.0), margin=0)
    rpc_only(scene.pan, 128)
    rpc_only(scene.ms, 32)
    dem = elevations(tmp_path / "dem.tif", 50)
    dem.write_bytes(dem.read_bytes()[:5000])
    assert "dem.tif" in refusal(
        ssdiff("check", scene.pan, scene.ms, "--method", "exp", "--rpc-dem", dem), 3
    )
