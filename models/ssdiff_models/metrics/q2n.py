"""Q2n: the universal quality index of images whose pixels are hypercomplex numbers, as the DLPan toolbox computes it.

The toolbox multiplies normalised pixels one by one. The product is bilinear, so its mean over a block is a fixed combination
of the covariances between the bands of both images, and the covariances of all blocks of a strip come from one batched matrix
product.
"""

import functools
from typing import Self

import numpy as np

from ssdiff_models.errors import InputError, UsageError
from ssdiff_models.metrics.base import Array, Image, Mask, Strip, cut, feed, strip

__all__ = ["Q2nAccumulator", "q2n"]

_UINT16_MAX = 65535.0
_EPS = float(np.finfo(np.float64).eps)


def q2n(fused: Array, reference: Array, *, block: int = 32, valid: Mask | None = None) -> float:
    """Returns Q2n (Q4 for 4 bands, Q8 for 8): 1 for equal images, in 0 .. 1.

    Both images are rounded to 16-bit unsigned integers, as the toolbox does: values must be digital numbers, not reflectances
    in 0 .. 1. The number of bands is filled with zero bands up to a power of two; incomplete blocks at the lower and right
    border are mirrored.

    Args:
        fused: ``(bands, rows, cols)`` in DN.
        reference: The same shape.
        block: Side of the square blocks, in pixels; they do not overlap.
        valid: ``(rows, cols)``, True where a pixel counts; blocks with a pixel that does not are left out.

    Raises:
        InputError: When the images cannot be compared, are smaller than a block, or no block is wholly valid.
        UsageError: When `block` is smaller than 2.
    """
    return feed(Q2nAccumulator(block=block), fused, reference, valid).result()


class Q2nAccumulator:
    """Sums the Q2n of blocks over strips of rows; strips need not be whole blocks high."""

    def __init__(self, *, block: int = 32) -> None:
        if block < 2:
            raise UsageError(f"Q2n needs blocks of 2 pixels or more, got {block}")
        self._block = block
        self._last: Strip | None = None
        self._rest: Strip | None = None
        self._sum = 0.0
        self._count = 0

    def update(self, fused: Array, reference: Array, valid: Mask | None = None) -> Self:
        """Takes the next rows."""
        rows = _integers(strip(fused, reference, valid)).below(self._rest)
        whole = rows.rows - rows.rows % self._block
        for start in range(0, whole, self._block):
            self._add(*self._blocks(rows[start : start + self._block]))
        if whole:
            self._last = rows[whole - self._block : whole]
        self._rest = rows[whole:]
        return self

    def result(self) -> float:
        """Returns the mean over all blocks, the incomplete ones filled up with their mirror image.

        Raises:
            InputError: When there is no wholly valid block.
        """
        total, count = self.totals()
        if not count:
            raise InputError(
                f"no block of {self._block} x {self._block} pixels is wholly valid: Q2n has nothing to score"
            )
        return total / count

    def totals(self) -> tuple[float, int]:
        """Returns the sum of Q2n over all wholly valid blocks and their number: what parts of an image add up to.

        Raises:
            InputError: When there are fewer rows than a block has.
        """
        if self._last is None:
            raise InputError(
                f"the image is smaller than Q2n's block of {self._block} x {self._block} pixels: score a larger window"
            )
        if self._rest is None or not self._rest.rows:
            return self._sum, self._count
        more, number = self._blocks(
            _mirrored_rows(self._rest.below(self._last), self._rest.rows, self._block)
        )
        return self._sum + more, self._count + number

    def _add(self, total: float, count: int) -> None:
        self._sum += total
        self._count += count

    def _blocks(self, rows: Strip) -> tuple[float, int]:
        """Returns the sum of Q2n over the valid blocks of a strip that is one block high, and their number."""
        side = self._block
        columns = _mirrored_columns(rows.valid.shape[1], side)
        keep = rows.valid[:, columns].reshape(side, -1, side).all(axis=(0, 2))
        quality = _block_quality(
            cut(rows.fused[:, :, columns], side)[keep],
            cut(rows.reference[:, :, columns], side)[keep],
        )
        return float(quality.sum()), int(keep.sum())


def _integers(rows: Strip) -> Strip:
    """Returns the strip as the toolbox's cast to uint16 leaves it: rounded half away from zero and saturated."""
    return Strip(fused=_uint16(rows.fused), reference=_uint16(rows.reference), valid=rows.valid)


def _uint16(image: Image) -> Image:
    low = np.floor(image)
    return np.clip(low + (image - low >= 0.5), 0.0, _UINT16_MAX)  # type: ignore[no-any-return]


def _mirrored_rows(rows: Strip, rest: int, block: int) -> Strip:
    """Returns the last `rest` rows and, below them, the mirror image of the rows above until a block is full."""
    first = rows.rows - rest
    mirror = range(rows.rows - 1, rows.rows - 1 - (block - rest), -1)
    index = [*range(first, rows.rows), *mirror]
    return Strip(
        fused=rows.fused[:, index], reference=rows.reference[:, index], valid=rows.valid[index]
    )


def _mirrored_columns(cols: int, block: int) -> slice | list[int]:
    """Returns the columns of the strip filled up to whole blocks by their mirror image.

    Raises:
        InputError: When the image is narrower than a block.
    """
    if cols < block:
        raise InputError(
            f"the image is {cols} columns wide, Q2n's blocks {block}: score a larger window"
        )
    if cols % block == 0:
        return slice(None)
    return [*range(cols), *range(cols - 1, cols - 1 - (-cols % block), -1)]


def _block_quality(fused: Image, reference: Image) -> Image:
    """Returns the modulus of the hypercomplex quality index of each block, from ``(blocks, bands, pixels)``."""
    pixels, bands = fused.shape[2], fused.shape[1]
    mean_f, mean_r = fused.mean(axis=2, keepdims=True), reference.mean(axis=2, keepdims=True)
    centred_f, centred_r = fused - mean_f, reference - mean_r
    variance_f = np.einsum("kbp,kbp->kb", centred_f, centred_f) / (pixels - 1)
    variance_r = np.einsum("kbp,kbp->kb", centred_r, centred_r) / (pixels - 1)
    covariance = centred_r @ centred_f.transpose(0, 2, 1) / (pixels - 1)
    # Both images are normalised with the reference's moments, (x - mean) / std + 1; a reference band of zeros only adds the 1.
    scale = np.where(mean_r[..., 0] == 0, 1.0, np.where(variance_r == 0, _EPS, np.sqrt(variance_r)))
    size = _algebra_size(bands)
    normal_f = (mean_f - mean_r)[..., 0] / scale + 1
    squared_f = (normal_f**2).sum(axis=1) + (size - bands)
    bias = 2 * np.sqrt(squared_f * size) / (squared_f + size)
    spread = (variance_f / scale**2 + variance_r / scale**2).sum(axis=1)
    scaled = covariance / (scale[:, :, None] * scale[:, None, :])
    product = np.einsum("kij,ijn->kn", scaled, _products(size)[:bands, :bands], optimize=True)
    modulus = np.sqrt((product**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread == 0, bias, 2 * modulus * bias / spread)  # type: ignore[no-any-return]


def _algebra_size(bands: int) -> int:
    return 1 << (bands - 1).bit_length()


@functools.cache
def _products(size: int) -> Image:
    """Returns the real ``(size, size, size)`` table of ``e_i * conj(e_j)`` in the toolbox's Cayley-Dickson algebra."""
    units = np.eye(size)
    table = np.array([[_multiply(a, _conjugate(b)) for b in units] for a in units])
    table.setflags(write=False)
    return table


def _conjugate(a: Image) -> Image:
    return np.concatenate([a[:1], -a[1:]])


def _multiply(left: Image, right: Image) -> Image:
    """Returns the product (a, b)(c, d) = (ac - d* b, a* d* + c b*) of two hypercomplex numbers."""
    half = left.size // 2
    if not half:
        return left * right
    a, b, c, d = left[:half], left[half:], right[:half], right[half:]
    b, d = _conjugate(b), _conjugate(d)
    return np.concatenate(
        [
            _multiply(a, c) - _multiply(d, _conjugate(b)),
            _multiply(_conjugate(a), d) + _multiply(c, b),
        ]
    )
