"""The released network with drawn weights, and what it made of drawn inputs: see README.md."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "released"


CASES = {32: (3, 700), 64: (3,)}
"""The tiles' rows and columns, and the diffusion step of each tile."""
BANDS = 8
STORED = slice(8, 24)
"""Rows and columns of which outputs are stored: each pixel depends on all of the tile."""


def shapes() -> dict[str, list[int]]:
    """Returns names and shapes of the released state dict for 8 bands."""
    found: dict[str, list[int]] = json.loads(
        (FOLDER / "state_dict_8band.json").read_text(encoding="utf-8")
    )
    return found


def state() -> dict[str, Tensor]:
    """Draws a state dict in which every layer matters, those that training starts at zero, too."""
    rng = np.random.Generator(np.random.PCG64(0))
    return {name: _tensor(name, shape, rng) for name, shape in shapes().items()}


def _tensor(name: str, shape: list[int], rng: np.random.Generator) -> Tensor:
    if not shape:
        return torch.tensor(0)  # the norms' count of batches
    drawn = torch.from_numpy(rng.uniform(-1, 1, shape)).float()
    if len(shape) > 1:
        return drawn * math.sqrt(3 / math.prod(shape[1:]))  # keeps the variance
    return 1 + drawn / 2 if name.endswith(("weight", "running_var")) else drawn / 10


def inputs(side: int) -> dict[str, Tensor]:
    """Draws the network's arguments of a case."""
    steps = CASES[side]
    rng = np.random.Generator(np.random.PCG64(side))
    images = {
        "lms": (BANDS, side, side),
        "pan": (1, side, side),
        "ms": (BANDS, side // 4, side // 4),
        "x_t": (BANDS, side, side),
    }
    drawn = {
        name: torch.from_numpy(rng.uniform(0, 1, (len(steps), *shape))).float()
        for name, shape in images.items()
    }
    return drawn | {"t": torch.tensor(steps)}


def outputs(side: int) -> Tensor:
    """Returns the stored pixels of a case's output, ``(tiles, 8, 16, 16)``."""
    with np.load(FOLDER / "outputs.npz") as arrays:
        return torch.from_numpy(arrays[str(side)])
