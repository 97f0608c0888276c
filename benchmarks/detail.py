"""How much of the PAN's detail a fused image has at full resolution, and whether it is the PAN's.

A row of the table has gain, corr, slope and other of `ssdiff_models.metrics.detail`, and D_rho.

Usage: ``python -m benchmarks.detail FOLDER [--split val] [--model NAME|FILE]... [--scene NAME]...``
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt
import rasterio

from ssdiff_models.metrics import d_rho, detail

Image = npt.NDArray[np.float64]

RATIO = 4
CLASSICAL = ("gsa", "bt-h")


def main(arguments: Sequence[str]) -> None:
    """Prints a row for each scene and method."""
    options = _parse(arguments)
    methods = [("--method", name) for name in CLASSICAL]
    methods += [("--model", name) for name in options.model or ["bgrn"]]
    print(
        f"{'scene':32} {'method':24} {'gain':>6} {'corr':>6} {'slope':>6} {'other':>6} {'D_rho':>6}"
    )
    for folder in full_resolution_folders(options.folder, options.split, options.scene):
        for method in methods:
            image, pan = fused_images(folder, method)
            gain, corr, other = figures(image, pan)
            rho = fmean(d_rho(image, pan, ratio=RATIO))
            name = f"{folder.parent.name}/{folder.name}"
            cells = f"{gain:6.2f} {corr:6.3f} {gain * corr:6.2f} {other:6.2f} {rho:6.3f}"
            print(f"{name:32} {Path(method[1]).name:24} {cells}", flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", action="append")
    parser.add_argument("--scene", action="append")
    return parser.parse_args(arguments)


def full_resolution_folders(
    folder: Path, split: str, scenes: Sequence[str] | None = None
) -> Iterator[Path]:
    """Yields the full-resolution pairs of ratio 4 of a split, or those named."""
    for record in json.loads((folder / "index.json").read_text())["pairs"]:
        ratio = record["pan_size"][0] / record["ms_size"][0]
        wanted = record["split"] == split and record["kind"] == "full-res"
        if scenes:
            wanted = record["path"] in scenes
        if wanted and 3.5 < ratio < 4.5:
            yield folder / record["path"]


def fused_images(folder: Path, method: Sequence[str]) -> tuple[Image, Image]:
    """Returns what `ssdiff sharpen` makes of a pair, and the PAN on its grid."""
    command = [sys.executable, "-m", "ssdiff_cli", "sharpen", folder / "pan.tif", folder / "ms.tif"]
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "fused.tif"
        subprocess.run([*command, "-o", output, "-q", *method], check=True, stdout=-3)
        return images(folder / "pan.tif", output)


def images(pan: Path, fused: Path) -> tuple[Image, Image]:
    """Returns the fused image ``(bands, rows, cols)``, and the PAN on its grid."""
    with rasterio.open(fused) as file, rasterio.open(pan) as sharp:
        col, row = (round(value) for value in ~sharp.transform @ (file.transform @ (0, 0)))
        image = file.read().astype(float)
        plane = sharp.read(1).astype(float)
    return image, plane[row : row + image.shape[1], col : col + image.shape[2]]


def figures(image: Image, pan: Image) -> tuple[float, float, float]:
    """Returns gain, corr and other of a fused image ``(bands, rows, cols)``."""
    found = detail(image, pan)
    return found["gain"], found["corr"], found["other"]


if __name__ == "__main__":
    main(sys.argv[1:])
