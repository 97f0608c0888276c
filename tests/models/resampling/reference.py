"""Arrays of the reference toolbox, and what tests of filters share."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["near", "noise", "stored"]

GOLDEN = Path(__file__).parents[2] / "golden/kernels.npz"
DOUBLE = 1e-12


def stored(name: str) -> Tensor:
    """Returns an array of the reference toolbox, band axis first."""
    with np.load(GOLDEN) as arrays:
        array = arrays[name]
    return torch.from_numpy(np.moveaxis(array, 2, 0) if array.ndim == 3 else array)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def near(one: Tensor, other: Tensor, tolerance: float = DOUBLE) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) <= tolerance
