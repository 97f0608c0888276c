"""Gaussian noise as a function of seed, sample, band, absolute row and absolute column.

All tiles see the same field, and it is the same bit for bit on every device. Philox4x32-10 (Salmon
et al., SC 2011) gives 32 random bits per value by integer arithmetic. Its two 16-bit halves pick
two normal quantiles from a table; the value is their sum over sqrt(2). Look-ups, additions and
multiplications round alike everywhere; logarithms and cosines (Box-Muller) do not.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.windows import Window

__all__ = ["gaussian_batch", "philox"]

_WORD = 2**32
_MASK = _WORD - 1
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_BANDS_PER_CALL = 4
_LEVELS = 2**16
# The float32 nearest to sqrt(1/2), so that no device has to round it.
_ROOT_HALF = 0.707106769084930419921875

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def _multiply(word: Tensor, multiplier: int) -> tuple[Tensor, Tensor]:
    """Returns high and low 32 bits of ``word * multiplier``, in the range of int64.

    Both multipliers m exceed 2^31. With m' = m - 2^32 the product word * m' fits, and
    word * m = word * m' + word * 2^32.
    """
    product = word * (multiplier - _WORD)
    return (product >> 32).add_(word), product.bitwise_and_(_MASK)


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Returns the four 32-bit words of Philox4x32-10 for each counter.

    Args:
        counter: Four words, int64 tensors in ``[0, 2^32)`` that broadcast against each other.
        key: Two words.

    Returns:
        Four int64 tensors in ``[0, 2^32)`` of the common shape.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high0, low0 = _multiply(c0, _MULTIPLIERS[0])
        high1, low1 = _multiply(c2, _MULTIPLIERS[1])
        c0 = high1 ^ (c1 ^ k0)
        c1 = low1
        c2 = high0 ^ (c3 ^ k1)
        c3 = low0
        k0 = (k0 + _KEY_STEPS[0]) & _MASK
        k1 = (k1 + _KEY_STEPS[1]) & _MASK
    return c0, c1, c2, c3


@lru_cache(maxsize=16)
def _quantiles(device: torch.device) -> Tensor:
    """Returns the midpoints of 2^16 equally likely classes of a normal with unit variance."""
    with torch.inference_mode(mode=False):
        ranks = torch.arange(_LEVELS // 2, dtype=torch.float64)
        upper = torch.special.ndtri((ranks + _LEVELS / 2 + 0.5) / _LEVELS)
        upper = upper / upper.square().mean().sqrt()
        return torch.cat([-upper.flip(0), upper]).to(torch.float32).to(device)


def _indexes(starts: list[int], count: int) -> Tensor:
    return (torch.tensor(starts)[:, None] + torch.arange(count)).remainder(_WORD)


def gaussian_batch(
    windows: Sequence[Window],
    *,
    bands: int,
    seed: int,
    sample: int = 0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Returns the noise of windows of one shape; windows that overlap see the same values.

    Args:
        windows: Absolute rows and columns, negative ones too.
        bands: Number of bands; fewer bands are the first of more.
        seed: Which field, below 2^64.
        sample: Which of the independent draws of one seed, below 2^32.
        device: Where the noise is computed; it does not change the values.

    Returns:
        Standard normal noise ``(len(windows), bands, rows, cols)``, float32, on `device`.

    Raises:
        UsageError: When `seed` or `sample` is out of range.
    """
    if not 0 <= seed < 2**64 or not 0 <= sample < _WORD:
        raise UsageError(
            "the seed must be below 2^64 and the sample below 2^32, neither negative, "
            f"got {seed} and {sample}"
        )
    bits = _random_bits(windows, -(-bands // _BANDS_PER_CALL), seed, sample, torch.device(device))
    bits = bits[:, :bands]
    table = _quantiles(bits.device)
    first = table.index_select(0, (bits >> 16).flatten())
    second = table.index_select(0, (bits & (_LEVELS - 1)).flatten())
    return first.add_(second).mul_(_ROOT_HALF).reshape(bits.shape)


def _random_bits(
    windows: Sequence[Window], groups: int, seed: int, sample: int, device: torch.device
) -> Tensor:
    """Returns 32 bits a value, ``(len(windows), 4 * groups, rows, cols)``, int64."""
    rows, cols = windows[0].shape
    col = _indexes([window.col for window in windows], cols)[:, None, None, :].to(device)
    row = _indexes([window.row for window in windows], rows)[:, None, :, None].to(device)
    group = torch.arange(groups, device=device)[None, :, None, None]
    counter = (col, row, group, torch.tensor(sample, device=device))
    words = philox(counter, (seed & _MASK, seed >> 32))
    return torch.stack(words, dim=2).flatten(1, 2)
