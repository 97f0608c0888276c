"""Simulated pairs that ship with the tests, and what was made of them: see README.md."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ssdiff_models.resampling.upsample import interp23

FOLDER = Path(__file__).parent / "simulated"
SENSORS = ("qb", "wv3")
RATIO = 4
FUSED = slice(116, 140)
"""Rows and columns of which fused pixels are stored."""
TRUTH = slice(64, 192)
"""Rows and columns of which the truth is stored, and which are scored against it."""

Array = npt.NDArray[np.float64]
Scores = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair in DN, band axis first; the centre of MS pixel 0 lies at PAN index 2."""

    pan: Array
    """``(256, 256)``."""
    ms: Array
    """``(bands, 64, 64)``."""
    lms: Array
    """``(bands, 256, 256)``: the interpolated MS, EXP."""
    truth: Array
    """``(bands, 128, 128)``: what the fused image should be in the rows and columns `TRUTH`."""


def pair(sensor: str) -> Pair:
    """Reads a pair."""
    with np.load(FOLDER / f"{sensor}.npz") as arrays:
        pan, ms, truth = (arrays[name].astype(np.float64) for name in ("pan", "ms", "truth"))
    lms = interp23(torch.from_numpy(ms), RATIO).numpy()
    return Pair(pan=pan, ms=ms, lms=lms, truth=truth)


def fused(sensor: str, method: str) -> Array:
    """Returns the stored pixels of a fused image, ``(bands, 24, 24)`` DN."""
    with np.load(FOLDER / f"{sensor}_fused.npz") as arrays:
        return np.asarray(arrays[method], dtype=np.float64)


def reduced(sensor: str) -> tuple[Array, Array]:
    """Returns the pair after Wald's protocol: PAN ``(64, 64)`` and MS ``(bands, 16, 16)``."""
    with np.load(FOLDER / f"{sensor}_reduced.npz") as arrays:
        return arrays["pan"].astype(np.float64), arrays["ms"].astype(np.float64)


def scores(sensor: str, method: str) -> dict[str, Scores]:
    """Returns the stored scores of a fused image: ``nocut`` and ``cut21`` against the truth, ``full`` without."""
    values: dict[str, dict[str, dict[str, Scores]]] = json.loads(
        (FOLDER / "values.json").read_text(encoding="utf-8")
    )
    return values[sensor][method]
