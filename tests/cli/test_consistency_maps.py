"""``--consistency`` where the MS lies on no grid of the model's, and with pixels at their limits: measured at the MS pixels."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from scipy.ndimage import map_coordinates

from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.resampling.degrade import correlate
from ssdiff_models.resampling.mtf import mtf_kernel
from ssdiff_models.scene.sensors import get
from tests.cli.calls import answer, save_tiny
from tests.scenes import SceneFactory

Array = npt.NDArray[Any]

BOUND = 0.005
"""Root mean square difference over the band's mean, as promised."""
BORDER = 24
"""PAN pixels from the border within which a filter of 41 sees what is not there."""
SIZE = 128
QB = get("qb").ms_gains
PAN_CRS = "EPSG:32631"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """How an MS lies: turned, in another CRS, its pixels of `ratio` PAN pixels."""

    ratio: float = 4.0
    degrees: float = 0.0
    crs: str = PAN_CRS
    options: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Rows and columns that cover the PAN, however it is turned."""
        return int(SIZE / self.ratio * 1.5)

    def transform(self, pan: Affine) -> Affine:
        """Returns the transform of an MS with the PAN's centre."""
        left, top, right, bottom = pan.c, pan.f, pan.c + SIZE * pan.a, pan.f + SIZE * pan.e
        x, y = (left + right) / 2, (top + bottom) / 2
        if self.crs != PAN_CRS:
            x, y = pyproj.Transformer.from_crs(PAN_CRS, self.crs, always_xy=True).transform(x, y)
        size, angle = self.ratio * pan.a, np.deg2rad(self.degrees)
        # A third of a pixel off, so that no pixel lies where one of the model does.
        turned = Affine(
            size * np.cos(angle),
            size * np.sin(angle),
            x,
            size * np.sin(angle),
            -size * np.cos(angle),
            y,
        )
        return turned @ Affine.translation(-self.count / 2 + 0.3, -self.count / 2 - 0.4)


def places(ms: Path, pan: Affine, moved: Affine | None = None) -> tuple[Array, Array]:
    """PAN row and column indices of the centres of an MS's pixels, by its georeferencing and what registration moved it by."""
    with rasterio.open(ms) as file:
        cols, rows = np.meshgrid(np.arange(file.width) + 0.5, np.arange(file.height) + 0.5)
        a, b, c, d, e, f = tuple(file.transform)[:6]
        crs = file.crs.to_string()
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    if crs != PAN_CRS:
        x, y = pyproj.Transformer.from_crs(crs, PAN_CRS, always_xy=True).transform(x, y)
    a, b, c, d, e, f = tuple((moved or Affine.identity()) @ ~pan)[:6]
    return d * x + e * y + f - 0.5, a * x + b * y + c - 0.5


def seen(image: Array, rows: Array, cols: Array, ratio: float) -> Array:
    """What the sensor sees of ``(bands, rows, cols)`` at any places."""
    kernels = [mtf_kernel(gain, ratio) for gain in QB]
    filtered = correlate(
        torch.from_numpy(image.astype(np.float64)), [kernel / kernel.sum() for kernel in kernels]
    ).numpy()
    return np.stack(
        [map_coordinates(band, [rows, cols], order=5, mode="nearest") for band in filtered]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A PAN and its MS on disk."""

    pan: Path
    ms: Path
    model: Path
    lie: Lie
    out: dict[str, Any] = field(default_factory=dict)

    def sharpen(self, output: Path, *options: str) -> Path:
        common = (
            self.pan,
            self.ms,
            "--model",
            self.model,
            "--sensor",
            "qb",
            "--consistency",
            "-o",
            output,
        )
        self.out.update(answer("sharpen", *common, *self.lie.options, *options))
        return output

    def inconsistency(self, output: Path) -> float:
        """Largest root mean square of a band's difference to the MS as it was given, over the band's mean."""
        with rasterio.open(output) as fused, rasterio.open(self.ms) as ms:
            image, given = fused.read(), ms.read().astype(float)
            transform, tags = fused.transform, fused.tags(ns="SSDIFF")
        moved = Affine(*json.loads(tags["REGISTRATION"])) if "REGISTRATION" in tags else None
        rows, cols = places(self.ms, transform, moved)
        limits = image.shape[1] - 1 - BORDER, image.shape[2] - 1 - BORDER
        inner = (rows > BORDER) & (rows < limits[0]) & (cols > BORDER) & (cols < limits[1])
        assert inner.sum() > 200
        left = seen(image, rows[inner], cols[inner], self.lie.ratio) - given[:, inner]
        return float((np.sqrt((left**2).mean(1)) / given[:, inner].mean(1)).max())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output is far from consistent."""
    return save_tiny(tmp_path_factory.mktemp("model"), residual_scale=4.0, tile=64, overlap=32)


def make(
    factory: SceneFactory, folder: Path, model: Path, lie: Lie, *, saturated: float = 0.0
) -> Pair:
    """Makes an MS of a scene's truth that lies otherwise; 8 bits with so many percent at the limit where any."""
    scene = factory(size=SIZE, offset=(0.0, 0.0), margin=0)
    truth, dtype = scene.pair.truth.astype(float), "uint16"
    with rasterio.open(scene.pan) as file:
        pan, profile = file.read().astype(float), file.profile
    if saturated:
        dtype = "uint8"
        truth, pan = (
            np.clip(
                image / np.percentile(image, 100 - saturated, axis=(1, 2), keepdims=True) * 255,
                0,
                255,
            )
            for image in (truth, pan)
        )
    given = Pair(pan=folder / "pan.tif", ms=folder / "ms.tif", model=model, lie=lie)
    with rasterio.open(given.pan, "w", **(profile | {"dtype": dtype})) as file:
        file.write(np.rint(pan).astype(dtype))
    shape = {
        "width": lie.count,
        "height": lie.count,
        "transform": lie.transform(profile["transform"]),
        "crs": lie.crs,
    }
    # Four bands of 8 bits are red, green, blue and another one by default.
    kind = {"count": 4, "dtype": dtype, "alpha": "no", "photometric": "minisblack"}
    with rasterio.open(given.ms, "w", **(profile | shape | kind)) as file:
        file.write(np.zeros((4, lie.count, lie.count), dtype))
    pixels = seen(truth, *places(given.ms, profile["transform"]), lie.ratio)
    with rasterio.open(given.ms, "r+") as file:
        file.write(np.clip(np.rint(pixels), 1, 255 if saturated else 65535).astype(dtype))
    return given


LIES = {
    "another CRS": Lie(crs="EPSG:32632"),
    "turned": Lie(degrees=5),
    "turned by much": Lie(degrees=130),
    "ratio 4.015": Lie(ratio=4.015),
    "ratio 3.4": Lie(ratio=3.4),
    "registered": Lie(degrees=2, options=("--register-local",)),
}


@pytest.mark.parametrize("case", LIES)
def test_an_ms_on_any_grid_is_given_back(
    case: str, scene_factory: SceneFactory, model: Path, tmp_path: Path
) -> None:
    pair = make(scene_factory, tmp_path, model, LIES[case])
    output = pair.sharpen(tmp_path / "out.tif")
    assert pair.out["consistency"] == ITERATIONS
    assert pair.inconsistency(output) < BOUND
    assert (
        pair.inconsistency(pair.sharpen(tmp_path / "without.tif", "--no-consistency")) > 3 * BOUND
    )


def test_an_ms_that_only_control_points_place_is_given_back(
    scene_factory: SceneFactory, model: Path, tmp_path: Path
) -> None:
    pair = make(scene_factory, tmp_path, model, LIES["turned"])
    with rasterio.open(pair.ms) as file:
        pixels, profile, transform = file.read(), file.profile, file.transform
    corners = [(col, row) for row in (0, file.height) for col in (0, file.width)]
    points = [GroundControlPoint(row, col, *(transform @ (col, row))) for col, row in corners]
    controlled = tmp_path / "controlled.tif"
    own = profile | {"transform": None, "crs": CRS.from_string(PAN_CRS), "gcps": points}
    with rasterio.open(controlled, "w", **own) as file:
        file.write(pixels)
    output = replace(pair, ms=controlled).sharpen(tmp_path / "out.tif")
    assert pair.inconsistency(output) < BOUND


def test_a_part_of_the_scene_has_the_same_pixels(
    scene_factory: SceneFactory, model: Path, tmp_path: Path
) -> None:
    pair = make(scene_factory, tmp_path, model, LIES["turned"])
    with rasterio.open(pair.pan) as file:
        (left, top), (right, bottom) = file.transform @ (60, 40), file.transform @ (120, 100)
    whole, part = pair.sharpen(tmp_path / "whole.tif"), tmp_path / "part.tif"
    pair.sharpen(part, f"--bbox={left},{bottom},{right},{top}", "-j", "2")
    with rasterio.open(whole) as full, rasterio.open(part) as piece:
        assert np.array_equal(full.read()[:, 40:100, 60:120], piece.read())


@pytest.mark.parametrize("case", ["aligned", "turned"])
def test_pixels_at_their_limit_are_made_up_for(
    case: str, scene_factory: SceneFactory, model: Path, tmp_path: Path
) -> None:
    pair = make(scene_factory, tmp_path, model, {**LIES, "aligned": Lie()}[case], saturated=15.0)
    output = pair.sharpen(tmp_path / "out.tif")
    with rasterio.open(output) as file:
        pixels = file.read()
    assert 0.01 < (pixels == 255).mean() < 0.3
    assert pair.inconsistency(output) < BOUND
