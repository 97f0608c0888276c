"""`ssdiff simulate`: the files a user gets, and what is refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from typer.testing import CliRunner, Result

from ssdiff_cli.app import app
from ssdiff_models.scene.sensors import get

Matrix = npt.NDArray[np.float64]

NAMES = ("pan.tif", "ms.tif", "truth.tif")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, words)])


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("simulate") / "new" / "scene"
    done = run(made, "--size", "128")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(made / name) for name in NAMES]
    return made


def run_small(folder: Path, *words: str) -> Result:
    return run(folder, "--size", "64", *words)


def test_files_are_tiled_compressed_georeferenced_11_bit_rasters(folder: Path) -> None:
    for name, count, side in zip(NAMES, (1, 4, 4), (128, 38, 128), strict=True):
        with rasterio.open(folder / name) as file:
            assert (file.count, file.height, file.width) == (count, side, side)
            assert file.dtypes[0] == "uint16"
            assert file.crs.to_epsg() == 32631
            assert file.profile["tiled"]
            assert file.profile["compress"] == "deflate"
            assert file.tags()["SENSOR"] == "qb"
            assert 300 < file.read().max() <= 2047


def test_bands_are_named_and_coloured(folder: Path) -> None:
    for name in ("ms.tif", "truth.tif"):
        with rasterio.open(folder / name) as file:
            assert file.descriptions == ("blue", "green", "red", "nir")
            assert [colour.name for colour in file.colorinterp] == [
                "blue",
                "green",
                "red",
                "undefined",
            ]
    with rasterio.open(folder / "pan.tif") as file:
        assert [colour.name for colour in file.colorinterp] == ["gray"]


def test_the_truth_lies_on_the_pan_grid_and_the_ms_around_it(folder: Path) -> None:
    with rasterio.open(folder / "pan.tif") as pan, rasterio.open(folder / "truth.tif") as truth:
        assert truth.transform == pan.transform
        assert pan.res == (0.6, 0.6)
        with rasterio.open(folder / "ms.tif") as ms:
            assert ms.res == pytest.approx((2.4, 2.4))
            assert ms.bounds.left < pan.bounds.left
            assert ms.bounds.bottom < pan.bounds.bottom
            assert ms.bounds.right > pan.bounds.right
            assert ms.bounds.top > pan.bounds.top
            # Sub-pixel: no edge of one grid lies on an edge of the other.
            offset = (ms.bounds.left - pan.bounds.left) / 0.6
            assert abs(offset - round(offset)) > 0.1


def averaging(centres: Matrix) -> Matrix:
    """Rows of Gaussian weights of 128 pixels around fractional pixel positions."""
    weights = np.exp(-0.5 * ((np.arange(128) - centres[:, None]) / 2.0) ** 2)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def test_honouring_both_transforms_registers_the_pair(folder: Path) -> None:
    """The truth's mean on the ground of each MS pixel fits the MS, less so a pixel beside it."""
    with rasterio.open(folder / "truth.tif") as truth, rasterio.open(folder / "ms.tif") as ms:
        fine, coarse = truth.read().astype(float), ms.read().astype(float)
        scores = {}
        for shift in (-4.0, -2.0, 0.0, 2.0, 4.0):
            rows = np.arange(3, 35)
            y, x = (
                ms.transform.f + ms.transform.e * (rows + 0.5),
                ms.transform.c + ms.transform.a * (rows + 0.5),
            )
            down = averaging((y - truth.transform.f) / truth.transform.e - 0.5 + shift)
            right = averaging((x - truth.transform.c) / truth.transform.a - 0.5 + shift)
            degraded = down @ fine @ right.T
            scores[shift] = np.corrcoef(degraded.ravel(), coarse[:, 3:35, 3:35].ravel())[0, 1]
    assert max(scores, key=lambda shift: scores[shift]) == 0
    assert scores[0.0] > 0.995
    assert scores[0.0] - max(scores[2.0], scores[-2.0]) > 0.01


def test_the_same_options_give_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert run_small(tmp_path / name, "--seed", seed).exit_code == 0
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert all(
        one != other
        for one, other in zip(digests(tmp_path / "a"), digests(tmp_path / "c"), strict=True)
    )


@pytest.mark.parametrize(("sensor", "ratio"), [("WorldView-3", 4), ("gf2", 4), ("landsat8", 2)])
def test_json_says_what_was_made(tmp_path: Path, sensor: str, ratio: int) -> None:
    done = run_small(tmp_path, "--sensor", sensor, "--json")
    record = json.loads(done.stdout)
    assert record["bands"] == list(get(sensor).bands)
    assert (record["ratio"], record["size"], record["seed"]) == (ratio, 64, 0)
    with rasterio.open(record["ms"]) as ms, rasterio.open(record["pan"]) as pan:
        assert ms.count == len(record["bands"])
        assert ms.res[0] / pan.res[0] == pytest.approx(ratio)


def test_existing_files_are_kept_unless_overwrite_is_given(tmp_path: Path) -> None:
    (tmp_path / "truth.tif").write_text("precious")
    done = run_small(tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "truth.tif" in done.stderr
    assert "--overwrite" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["truth.tif"]
    assert (tmp_path / "truth.tif").read_text() == "precious"
    assert run_small(tmp_path, "--overwrite").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--sensor", "nikon"), "nikon"),
        (("--size", "130"), "--size 130"),
        (("--size", "60"), "--size 60"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    done = run(tmp_path / "scene", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "scene").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_small(tmp_path / "file" / "scene")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "file" in done.stderr
