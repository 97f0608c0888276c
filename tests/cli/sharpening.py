"""How tests of ``ssdiff sharpen`` call it and look at what it leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from typer.testing import Result

from tests.cli.calls import refusal, ssdiff
from tests.scenes import Scene

__all__ = ["Pixels", "Run", "done", "nothing_left", "pixels", "refused", "rewrite", "runner"]

Pixels = npt.NDArray[Any]
Run = Callable[..., Result]


def runner(model: Path, folder: Path) -> Run:
    """Returns what sharpens a scene with a model into ``out.tif`` of a folder."""

    def sharpen(
        scene: Scene, *options: str | Path, output: str = "out.tif", model: str | Path = model
    ) -> Result:
        chosen = () if "--method" in options or not model else ("--model", model)
        return ssdiff(
            "sharpen", "-j", 1, scene.pan, scene.ms, "-o", folder / output, *chosen, *options
        )

    return sharpen


def done(result: Result) -> Path:
    """Returns the output of a run that ends well."""
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip())


def refused(result: Result, code: int) -> str:
    """Returns the one line an error gets; stdout has none."""
    assert result.stdout == ""
    return refusal(result, code)


def pixels(path: str | Path) -> Pixels:
    """Reads all bands."""
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def rewrite(source: Path, target: Path, **changes: Any) -> Path:
    """Copies a raster with another profile; a CRS or transform of None is left out."""
    with rasterio.open(source) as file:
        profile, data = file.profile | changes, file.read()
    profile = {key: value for key, value in profile.items() if value is not None}
    count = changes.get("count", len(data))
    with rasterio.open(target, "w", **profile) as file:
        file.write(np.concatenate([data] * count)[:count])
    return target


def nothing_left(folder: Path) -> bool:
    """Whether no file has an output's final name."""
    return not [path for path in folder.glob("out*") if path.suffix == ".tif"]
