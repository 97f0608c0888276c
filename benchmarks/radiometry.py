"""How far a full-resolution image is from the radiometry of its MS, where the MS knows it: at low frequencies.

Usage: ``python -m benchmarks.radiometry FOLDER [--split val] [--model NAME|FILE]...``

A row has the largest difference of a band's means, and the largest over the bands of the root mean square difference of image and EXP where
both are blurred by a Gaussian of four MS pixels; both in percent of the band's mean in the MS, 16 MS pixels inside the border.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.detail import Image, full_resolution_folders, fused_images

RATIO = 4
SIGMA = 4 * RATIO
METHODS = ("gsa", "bt-h")


def main(arguments: Sequence[str]) -> None:
    """Prints a row for each scene and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", action="append")
    options = parser.parse_args(arguments)
    methods = [("--method", name) for name in METHODS]
    methods += [("--model", name) for name in options.model or ["bgrn"]]
    print(f"{'scene':32} {'method':24} {'means %':>8} {'low %':>8}")
    for folder in full_resolution_folders(options.folder, options.split):
        exp, _ = fused_images(folder, ("--method", "exp"))
        for method in methods:
            image, _ = fused_images(folder, method)
            means, low = differences(image, exp)
            name = f"{folder.parent.name}/{folder.name}"
            print(f"{name:32} {Path(method[1]).name:24} {means:8.2f} {low:8.2f}", flush=True)


def differences(image: Image, exp: Image) -> tuple[float, float]:
    """Returns the two figures, in percent, of images ``(bands, rows, cols)``."""
    border = 16 * RATIO if min(image.shape[1:]) > 40 * RATIO else 4 * RATIO
    inner = (slice(border, -border),) * 2
    levels = exp[:, *inner].mean((1, 2))
    wrong = (image - exp)[:, *inner]
    low = [gaussian_filter(band, SIGMA)[inner] for band in image - exp]
    means = np.abs(wrong.mean((1, 2)) / levels).max()
    root = max(np.sqrt(np.mean(band**2)) / level for band, level in zip(low, levels, strict=True))
    return float(100 * means), float(100 * root)


if __name__ == "__main__":
    main(sys.argv[1:])
