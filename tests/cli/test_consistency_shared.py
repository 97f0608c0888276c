"""``--consistency`` on hard real pairs: low MTFs, strong contrast, pixels that end at zero."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.windows import Window
from scipy.ndimage import correlate, map_coordinates

from tests.cli.calls import answer

KERNELS = {"qb": "MTF_QB", "wv2": "MTF_WV2"}
"""The reference toolbox's own filters, ``(rows, cols, bands)``."""
BOUND = 0.005
"""Root mean square difference over the band's root mean square, as promised."""


@pytest.mark.parametrize("name", ["mmfn-22", "mmfn-24", "mmfn-29", "mmfn-30", "mmfn-33"])
def test_the_near_infrared_of_quickbird(name: str, shared_data: Path, tmp_path: Path) -> None:
    """The lowest MTF gain of all sensors, 0.22; plain back-projection leaves up to 1.4 % here."""
    folder = shared_data / "quickbird" / name
    answer(
        "sharpen",
        folder / "pan.tif",
        folder / "ms.tif",
        "-o",
        tmp_path / "out.tif",
        "--sensor",
        "qb",
        "--consistency",
    )
    error = inconsistency(tmp_path / "out.tif", folder / "ms.tif", "qb", inner=0)
    assert error.max() < BOUND, error


def test_pixels_that_end_at_zero(shared_data: Path, tmp_path: Path) -> None:
    """Dark pixels beside bright ones, where the projection without clipping is negative."""
    folder = shared_data / "worldview2/vitale-wv2"
    pan, ms = (
        cut(folder / f"{part}.tif", tmp_path, side) for part, side in (("pan", 384), ("ms", 96))
    )
    errors = {}
    for option in ("--no-consistency", "--consistency"):
        report = answer(
            "sharpen", pan, ms, "-o", tmp_path / "out.tif", "--sensor", "wv2", option, "--overwrite"
        )
        errors[option] = inconsistency(tmp_path / "out.tif", ms, "wv2", inner=4).max()
        assert any("at the limits of the data type" in line for line in report["warnings"]) == (
            option != "--no-consistency"
        )
    with rasterio.open(tmp_path / "out.tif") as fused:
        assert (fused.read() == 0).any()
    assert errors["--consistency"] < BOUND < 0.015 < errors["--no-consistency"]


def cut(path: Path, folder: Path, side: int) -> Path:
    """Writes the upper left corner of a file."""
    with rasterio.open(path) as file:
        pixels = file.read(window=Window(0, 0, side, side))
        profile = {**file.profile, "width": side, "height": side}
        names = file.descriptions
    with rasterio.open(folder / path.name, "w", **profile) as file:
        file.write(pixels)
        file.descriptions = names
    return folder / path.name


def inconsistency(output: Path, ms: Path, sensor: str, *, inner: int) -> npt.NDArray[np.float64]:
    """Returns the relative difference of each band from its MS, `inner` MS pixels inside."""
    with rasterio.open(output) as fused, rasterio.open(ms) as given:
        image, pixels = fused.read().astype(float), given.read().astype(float)
        rows, cols = np.mgrid[inner : given.height - inner, inner : given.width - inner]
        places = (~fused.transform @ given.transform) @ (cols + 0.5, rows + 0.5)
    with np.load(Path(__file__).parents[1] / "golden/kernels.npz") as arrays:
        kernels = np.moveaxis(arrays[KERNELS[sensor]], 2, 0)
    filtered = [
        correlate(band, kernel, mode="nearest") for band, kernel in zip(image, kernels, strict=True)
    ]
    seen = np.stack(
        [
            map_coordinates(band, [places[1] - 0.5, places[0] - 0.5], order=5, mode="nearest")
            for band in filtered
        ]
    )
    own = pixels[:, inner : pixels.shape[1] - inner, inner : pixels.shape[2] - inner]
    return np.asarray(np.sqrt(np.square(seen - own).mean((1, 2)) / np.square(own).mean((1, 2))))
