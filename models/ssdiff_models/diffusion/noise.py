"""Gaussian noise as a function of the pixel: keyed by (seed, sample, band, absolute row, absolute column).

A tile cut from anywhere sees the same field, and the field is the same bit for bit on every device: Philox4x32-10 (Salmon et
al., SC 2011) gives 32 random bits per value by integer arithmetic alone, and its two 16-bit halves pick two normal quantiles
from a table, whose sum over sqrt(2) is the value. A look-up, one addition and one multiplication round alike everywhere;
logarithms and cosines (Box-Muller) do not.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ssdiff_models.errors import UsageError
from ssdiff_models.scene.windows import Window

__all__ = ["gaussian", "gaussian_batch", "philox"]

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
    """Returns high and low 32 bits of ``word * multiplier``, without leaving the range of int64.

    Both multipliers exceed 2^31, so with m' = m - 2^32 the product word * m' fits, and word * m = word * m' + word * 2^32.
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
        c0, c1, c2, c3 = high1 ^ (c1 ^ k0), low1, high0 ^ (c3 ^ k1), low0
        k0, k1 = (k0 + _KEY_STEPS[0]) & _MASK, (k1 + _KEY_STEPS[1]) & _MASK
    return c0, c1, c2, c3


@lru_cache(maxsize=16)
def _quantiles(device: torch.device) -> Tensor:
    """Returns the midpoint quantiles of 2^16 equally likely classes of a standard normal, scaled to unit variance, float32."""
    with torch.inference_mode(mode=False):
        upper = torch.special.ndtri(
            (torch.arange(_LEVELS // 2, dtype=torch.float64) + _LEVELS / 2 + 0.5) / _LEVELS
        )
        upper = upper / upper.square().mean().sqrt()
        return torch.cat([-upper.flip(0), upper]).to(torch.float32).to(device)


def gaussian_batch(
    windows: Sequence[Window],
    *,
    bands: int,
    seed: int,
    sample: int = 0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Returns the noise of several windows of one shape; see `gaussian`.

    Returns:
        Standard normal noise ``(len(windows), bands, rows, cols)``, float32, on `device`.

    Raises:
        UsageError: When `seed` or `sample` is out of range.
    """
    if not 0 <= seed < 2**64 or not 0 <= sample < _WORD:
        raise UsageError(
            f"the seed must be below 2^64 and the sample below 2^32, neither negative, got {seed} and {sample}"
        )
    target = torch.device(device)
    (rows, cols), groups = windows[0].shape, -(-bands // _BANDS_PER_CALL)

    def index(starts: list[int], count: int) -> Tensor:
        return (torch.tensor(starts)[:, None] + torch.arange(count)).remainder(_WORD)

    col = index([window.col for window in windows], cols)[:, None, None, :].to(target)
    row = index([window.row for window in windows], rows)[:, None, :, None].to(target)
    group = torch.arange(groups, device=target)[None, :, None, None]
    words = philox(
        (col, row, group, torch.tensor(sample, device=target)), (seed & _MASK, seed >> 32)
    )
    bits = torch.stack(words, dim=2).flatten(1, 2)[:, :bands]
    table = _quantiles(target)
    first, second = (
        table.index_select(0, half.flatten()) for half in (bits >> 16, bits & (_LEVELS - 1))
    )
    return first.add_(second).mul_(_ROOT_HALF).reshape(bits.shape)


def gaussian(
    window: Window, *, bands: int, seed: int, sample: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Returns the noise of the pixels of `window`; any other window sees the same values where it overlaps this one.

    Args:
        window: Absolute rows and columns, negative ones too.
        bands: Number of bands; fewer bands are the first of more.
        seed: Which field, below 2^64.
        sample: Which of the independent draws of one seed, below 2^32.
        device: Where the noise is computed and lies; it does not change the values.

    Returns:
        Standard normal noise ``(bands, rows, cols)``, float32.

    Raises:
        UsageError: When `seed` or `sample` is out of range.
    """
    return gaussian_batch([window], bands=bands, seed=seed, sample=sample, device=device)[0]
