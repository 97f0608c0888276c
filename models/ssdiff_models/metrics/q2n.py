"""Q2n: the universal quality index of images of hypercomplex pixels, as the DLPan toolbox has it.

The toolbox multiplies normalised pixels one by one. The product is bilinear, so its mean over a
block is a fixed combination of the covariances between the bands of both images, and those of all
blocks of a strip come from one batched matrix product.
"""

import functools

import numpy as np

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Accumulator, Array, Image, Mask, Strip, cut, whole_blocks

__all__ = ["Q2nAccumulator", "block_sums", "q2n"]

_UINT16_MAX = 65535.0
_EPS = float(np.finfo(np.float64).eps)


def q2n(fused: Array, reference: Array, *, block: int = 32, valid: Mask | None = None) -> float:
    """Returns Q2n (Q4 for 4 bands, Q8 for 8): 1 for equal images, in 0 .. 1.

    Both images are rounded to 16-bit unsigned integers, as in the toolbox: values must be DN, not
    reflectances in 0 .. 1. Zero bands fill the bands up to a power of two. Incomplete blocks at the
    lower and right border are mirrored.

    Args:
        fused: ``(bands, rows, cols)`` in DN.
        reference: The same shape.
        block: Side of the square blocks, in pixels, at least 2; they do not overlap.
        valid: ``(rows, cols)``, True where a pixel counts; blocks with another one are left out.

    Raises:
        InputError: When the images cannot be compared, or no block lies in them wholly valid.
    """
    return Q2nAccumulator(block=block).of(fused, reference, valid)


class Q2nAccumulator(Accumulator):
    """Sums the Q2n of blocks over strips of rows; strips need not be whole blocks high."""

    def __init__(self, *, block: int = 32) -> None:
        if block < 2:
            raise UsageError(f"Q2n needs blocks of 2 pixels or more, got {block}")
        self._block = block
        self._last: Strip | None = None
        self._rest: Strip | None = None
        self._sum = 0.0
        self._count = 0

    def add(self, rows: Strip) -> None:
        rows = _integers(rows).below(self._rest)
        stop = rows.rows - rows.rows % self._block
        for start in range(0, stop, self._block):
            total, count = self._blocks(rows[start : start + self._block])
            self._sum += total
            self._count += count
        if stop:
            self._last = rows[stop - self._block : stop]
        self._rest = rows[stop:]

    def result(self) -> float:
        total, count = self.totals()
        if not count:
            side = self._block
            raise InputError(
                f"no block of {side} x {side} pixels is wholly valid: Q2n has nothing to score"
            )
        return total / count

    def totals(self) -> tuple[float, int]:
        """Returns the sum of Q2n over all wholly valid blocks and their number.

        Those of parts of an image add up to those of the image.

        Raises:
            InputError: When there are fewer rows than a block has.
        """
        side = self._block
        if self._last is None:
            raise InputError(
                f"the image is smaller than Q2n's block of {side} x {side} pixels: "
                "score a larger window"
            )
        if self._rest is None or not self._rest.rows:
            return self._sum, self._count
        rest = self._rest.rows
        rows = self._rest.below(self._last)
        filled = _mirrored(rows.rows - rest, rows.rows, side - rest)
        total, count = self._blocks(rows[filled])
        return self._sum + total, self._count + count

    def _blocks(self, rows: Strip) -> tuple[float, int]:
        """Returns the sum of Q2n over the valid blocks of a strip one block high, and their number.

        Raises:
            InputError: When the image is narrower than a block.
        """
        side = self._block
        if rows.cols < side:
            raise InputError(
                f"the image is {rows.cols} columns wide, Q2n's blocks {side}: score a larger window"
            )
        if rows.cols % side:
            missing = -rows.cols % side
            rows = rows.inner(_mirrored(0, rows.cols, missing))
        return block_sums(rows, side)


def block_sums(rows: Strip, block: int) -> tuple[float, int]:
    """Returns the sum of Q2n over the wholly valid blocks of images, and their number.

    Sides are multiples of `block`; pixels are taken as they are.
    """
    total = 0.0
    count = 0
    for start in range(0, rows.rows, block):
        line = rows[start : start + block]
        counts = whole_blocks(line.valid, block)
        fused = cut(line.fused, block)[counts]
        reference = cut(line.reference, block)[counts]
        total += float(_block_quality(fused, reference).sum())
        count += int(counts.sum())
    return total, count


def _integers(rows: Strip) -> Strip:
    """Rounds half away from zero and saturates, as the toolbox's cast to uint16 does."""
    return Strip(fused=_uint16(rows.fused), reference=_uint16(rows.reference), valid=rows.valid)


def _uint16(image: Image) -> Image:
    low = np.floor(image)
    rounded = low + (image - low >= 0.5)
    return np.asarray(np.clip(rounded, 0.0, _UINT16_MAX))


def _mirrored(start: int, stop: int, more: int) -> list[int]:
    """Returns the indices from `start` to `stop`, and `more` of them backwards from the last."""
    last = stop - 1
    return [*range(start, stop), *range(last, last - more, -1)]


def _block_quality(fused: Image, reference: Image) -> Image:
    """Returns the modulus of the hypercomplex index of each block of ``(blocks, bands, pixels)``.

    Both images are normalised with the reference's moments: (x - mean) / std + 1.
    """
    bands = fused.shape[1]
    freedom = fused.shape[2] - 1
    mean_f = fused.mean(axis=2, keepdims=True)
    mean_r = reference.mean(axis=2, keepdims=True)
    centred_f = fused - mean_f
    centred_r = reference - mean_r
    variance_f = np.einsum("kbp,kbp->kb", centred_f, centred_f) / freedom
    variance_r = np.einsum("kbp,kbp->kb", centred_r, centred_r) / freedom
    covariance = centred_r @ centred_f.transpose(0, 2, 1) / freedom
    # A reference band of zeros only adds the 1.
    deviation = np.where(variance_r == 0, _EPS, np.sqrt(variance_r))
    scale = np.where(mean_r[..., 0] == 0, 1.0, deviation)
    size = 1 << (bands - 1).bit_length()
    normal_f = (mean_f - mean_r)[..., 0] / scale + 1
    squared_f = (normal_f**2).sum(axis=1) + (size - bands)
    root = np.sqrt(squared_f * size)
    bias = 2 * root / (squared_f + size)
    square = scale**2
    spread = (variance_f / square + variance_r / square).sum(axis=1)
    scales = scale[:, :, None] * scale[:, None, :]
    scaled = covariance / scales
    table = _products(size)[:bands, :bands]
    product = np.einsum("kij,ijn->kn", scaled, table, optimize=True)
    modulus = np.sqrt((product**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        quality = 2 * modulus * bias / spread
    return np.asarray(np.where(spread == 0, bias, quality))


@functools.cache
def _products(size: int) -> Image:
    """Returns ``e_i * conj(e_j)``, ``(size, size, size)``, in the toolbox's Cayley-Dickson algebra."""
    units = np.eye(size)
    conjugates = [_conjugate(unit) for unit in units]
    table = np.array([[_multiply(a, b) for b in conjugates] for a in units])
    table.setflags(write=False)
    return table


def _conjugate(a: Image) -> Image:
    return np.concatenate([a[:1], -a[1:]])


def _multiply(left: Image, right: Image) -> Image:
    """Returns the product (a, b)(c, d) = (ac - d* b, a* d* + c b*) of two hypercomplex numbers."""
    half = left.size // 2
    if not half:
        return left * right
    a = left[:half]
    b = _conjugate(left[half:])
    c = right[:half]
    d = _conjugate(right[half:])
    first = _multiply(a, c) - _multiply(d, _conjugate(b))
    second = _multiply(_conjugate(a), d) + _multiply(c, b)
    return np.concatenate([first, second])
