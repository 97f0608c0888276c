"""Random numbers of a training step, from the seed and the step alone."""

from enum import IntEnum

import numpy as np
import torch

__all__ = ["Part", "step_generator"]


class Part(IntEnum):
    """What the numbers are for; no part has another's."""

    PATCHES = 0
    NOISE = 1
    CONSISTENCY = 2


def step_generator(seed: int, step: int, part: Part) -> torch.Generator:
    """Returns a generator on the CPU: the same on every device, and when resumed.

    The numbers are hashed to 32 bits, since torch ignores the others of a CPU generator's seed.
    """
    (state,) = np.random.SeedSequence(seed, spawn_key=(step, part)).generate_state(1)
    return torch.Generator().manual_seed(int(state))
