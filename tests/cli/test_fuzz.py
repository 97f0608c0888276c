"""Whatever the pair, the model file and the tiles are: an image, or one line that says why not; never a traceback."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from tests.cli.calls import refusal, save_tiny, ssdiff
from tests.cli.rasters.fields import Rasters, north_up

FEW = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    # A whole run each: looking for the smallest failing pair takes too long to be of use.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
REFUSED = {2, 3, 4}
"""Exit codes of a refusal: not 1, which is a bug."""
ORIGIN = (500_000.0, 4_600_000.0)
DTYPES = ("uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
HOLES = ("none", "value", "nan", "alpha", "internal mask", "side-car mask", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One raster of a pair."""

    rows: int
    cols: int
    dtype: str
    holes: str


sides = st.builds(
    Side,
    rows=st.integers(1, 150),
    cols=st.integers(1, 150),
    dtype=st.sampled_from(DTYPES),
    holes=st.sampled_from(HOLES),
)
placements = st.builds(
    lambda x, y, pixel, turn, flip: (
        Affine.translation(ORIGIN[0] + x, ORIGIN[1] + y) @ Affine.rotation(turn) @ Affine.scale(pixel, pixel * flip)
    ),
    x=st.floats(-40, 40), y=st.floats(-40, 40), pixel=st.sampled_from([0.7, 1, 2, 3.2, 4, 4.015, 5, 9]),
    turn=st.sampled_from([0, 0, 0, 3, 180]), flip=st.sampled_from([-1, -1, 1, -1.3]),
)  # fmt: skip
plans = st.fixed_dictionaries(
    {
        "--tile": st.integers(1, 8),
        "--overlap": st.integers(0, 4),
        "--num-threads": st.integers(1, 3),
    },
)


def write(
    rasters: Rasters, name: str, side: Side, bands: int, transform: Affine, **profile: Any
) -> str:
    """Writes random pixels with a hole of the asked kind."""
    rng = np.random.default_rng(side.rows * 151 + side.cols)
    top = min(2000.0, float(np.iinfo(side.dtype).max)) if "int" in side.dtype else 1.0
    pixels: npt.NDArray[Any] = (rng.uniform(0.05, 1, (bands, side.rows, side.cols)) * top).astype(
        side.dtype
    )
    hole = np.zeros(pixels.shape[1:], bool)
    hole[: side.rows // 2, : side.cols // 3] = True
    hole |= side.holes == "everything"
    if side.holes in {"value", "everything"}:
        pixels[:, hole], profile["nodata"] = 0, 0
    elif side.holes == "nan" and "float" in side.dtype:
        pixels[:, hole] = math.nan
    elif side.holes == "alpha":
        pixels = np.concatenate([pixels, np.where(hole, 0, 255)[None].astype(side.dtype)])
    mask = ~hole if side.holes.endswith("mask") else None
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=side.holes == "internal mask"):
        path = rasters.write(
            name, pixels, transform, mask=mask, photometric="minisblack", **profile
        )
    if side.holes == "alpha":
        with rasterio.open(path, "r+") as file:
            file.colorinterp = [*file.colorinterp[:-1], ColorInterp.alpha]
    return path


def check_output(output: Path, dtype: str) -> None:
    """An image is complete, of the MS's type, and finite wherever it is valid."""
    with rasterio.open(output) as file:
        pixels, valid = file.read(), file.dataset_mask() != 0
    assert pixels.dtype == dtype
    assert np.isfinite(pixels[:, valid]).all()
    assert not [*output.parent.glob("out.tif.*")]


@pytest.fixture
def rasters(tmp_path: Path) -> Rasters:
    return Rasters(folder=tmp_path)


@FEW
@given(
    pan=sides,
    ms=sides,
    place=placements,
    crs=st.sampled_from(["EPSG:32631", "EPSG:32631", "EPSG:32632", "EPSG:4326", None]),
    method=st.sampled_from(["ssdiff", "ssdiff", "exp", "gsa", "bt-h"]),
    plan=plans,
)
def test_any_pair_gives_an_image_or_a_refusal(
    pan: Side,
    ms: Side,
    place: Affine,
    crs: str | None,
    method: str,
    plan: dict[str, int],
    rasters: Rasters,
    tmp_path: Path,
) -> None:
    for old in tmp_path.glob("*.tif*"):
        old.unlink()
    paths = (
        write(rasters, "pan.tif", pan, 1, north_up(*ORIGIN, 1.0)),
        write(rasters, "ms.tif", ms, 4, place, crs=crs),
    )
    output = tmp_path / "out.tif"
    used = ("--model", save_tiny(tmp_path)) if method == "ssdiff" else ("--method", method)
    tiles = [
        word
        for name, value in plan.items()
        for word in (name, value if "thread" in name else 8 * value)
    ]
    done = ssdiff(
        "sharpen", *paths, "-o", output, *used, *(tiles if method == "ssdiff" else ()), "-q"
    )
    if done.exit_code == 0:
        check_output(output, ms.dtype)
    else:
        assert refusal(done, done.exit_code)
        assert done.exit_code in REFUSED, done.output
        assert not output.exists()


@FEW
@given(
    data=st.data(),
    which=st.sampled_from(["pan.tif", "ms.tif", "tiny.safetensors"]),
    cut=st.booleans(),
)
def test_damaged_files_give_an_image_or_a_refusal(
    data: st.DataObject, which: str, cut: bool, rasters: Rasters
) -> None:
    folder = rasters.folder
    for old in folder.glob("*.tif*"):
        old.unlink()
    side = Side(rows=96, cols=96, dtype="uint16", holes="internal mask")
    paths = (
        write(rasters, "pan.tif", side, 1, north_up(*ORIGIN, 1.0)),
        write(
            rasters,
            "ms.tif",
            Side(rows=30, cols=30, dtype="uint16", holes="none"),
            4,
            north_up(*ORIGIN, 4.0),
        ),
    )
    model, output = save_tiny(folder), folder / "out.tif"
    content = bytearray((folder / which).read_bytes())
    if cut:
        del content[data.draw(st.integers(0, len(content) - 1), label="length") :]
    else:
        # Headers are at the start, directories of later pages and pixels anywhere.
        for _ in range(data.draw(st.integers(1, 8), label="bytes")):
            place = data.draw(st.integers(0, 700) | st.integers(0, len(content) - 1), label="place")
            content[min(place, len(content) - 1)] = data.draw(st.integers(0, 255), label="value")
    (folder / which).write_bytes(content)
    done = ssdiff("sharpen", *paths, "-o", output, "--model", model, "-q")
    if done.exit_code != 0:
        assert done.exit_code in REFUSED, done.output
        assert len(done.stderr.splitlines()) == 1
        assert not output.exists()
