"""Pictures of a pair and its fusion side by side: stretch, enlarge, label, lay out. Arrays in, one picture out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssdiff_models.scene.source import FloatArray

__all__ = ["Picture", "Stretch", "busiest", "colour_bands", "fit", "label", "sheet", "stretch_of"]

Picture = npt.NDArray[np.uint8]
"""``(3, rows, cols)`` of red, green and blue."""

_GAP = 6
_GAMMA = 0.75
_TAILS = (0.5, 99.4)

# Five columns a letter; bit 0 is the top row.
_LETTERS = {
    "A": (126, 9, 9, 9, 126),
    "D": (127, 65, 65, 65, 62),
    "E": (127, 73, 73, 73, 65),
    "F": (127, 9, 9, 9, 1),
    "H": (127, 8, 8, 8, 127),
    "I": (0, 65, 127, 65, 0),
    "L": (127, 64, 64, 64, 64),
    "M": (127, 2, 12, 2, 127),
    "N": (127, 4, 8, 16, 127),
    "P": (127, 9, 9, 9, 6),
    "R": (127, 9, 25, 41, 70),
    "S": (70, 73, 73, 73, 49),
    "T": (1, 1, 127, 1, 1),
    "U": (63, 64, 64, 64, 63),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Which DN become black and white, band by band."""

    low: tuple[float, ...]
    """Black."""
    high: tuple[float, ...]
    """White."""

    def picture(self, image: FloatArray) -> Picture:
        """Returns ``(3, rows, cols)`` of an image of three bands, or of one band shown grey."""
        low, high = (
            np.array(values, np.float32)[:, None, None] for values in (self.low, self.high)
        )
        grey = (
            np.clip((np.nan_to_num(image) - low) / np.maximum(high - low, np.float32(1e-6)), 0, 1)
            ** _GAMMA
        )
        return np.broadcast_to(np.rint(grey * 255).astype(np.uint8), (3, *image.shape[1:])).copy()


def stretch_of(image: FloatArray) -> Stretch:
    """Returns the stretch that suits ``(bands, rows, cols)``: a few pixels stay below black and above white."""
    low, high = np.nanpercentile(image, _TAILS, axis=(1, 2))
    return Stretch(low=tuple(low.tolist()), high=tuple(high.tolist()))


def colour_bands(names: Sequence[str | None], count: int) -> tuple[int, ...]:
    """Returns the 0-based bands shown red, green and blue: by name, else by the field's usual order; one where there is one."""
    known = [(name or "").lower() for name in names]
    if all(colour in known for colour in ("red", "green", "blue")):
        return known.index("red"), known.index("green"), known.index("blue")
    if count >= 8:
        return 4, 2, 1
    return (2, 1, 0) if count >= 3 else (0,)


def busiest(picture: Picture, side: int) -> tuple[int, int]:
    """Returns the first row and column of the `side` x `side` window with the strongest changes of colour and brightness."""
    image = picture.astype(np.float32)
    rows, cols = image.shape[1:]
    energy = np.zeros((rows, cols), np.float32)
    energy[:-1] += np.abs(np.diff(image, axis=1)).sum(0)
    energy[:, :-1] += np.abs(np.diff(image, axis=2)).sum(0)
    # One glaring roof must not win over a whole town.
    energy = np.minimum(energy, np.percentile(energy, 98))
    total = np.pad(energy.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))
    height, width = min(side, rows), min(side, cols)
    windows = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    row, col = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(row), int(col)


def fit(picture: Picture, side: int) -> Picture:
    """Returns the picture on `side` x `side` pixels: whole pixels repeated where it is smaller, averaged where it is larger."""
    _, rows, cols = picture.shape
    if max(rows, cols) <= side:
        index = [np.arange(side) * size // side for size in (rows, cols)]
        return picture[:, index[0]][:, :, index[1]]
    return (
        _averaged(_averaged(picture.astype(np.float32), side, 1), side, 2).round().astype(np.uint8)
    )


def _averaged(image: FloatArray, side: int, axis: int) -> FloatArray:
    size = image.shape[axis]
    total = np.insert(image.cumsum(axis, dtype=np.float64), 0, 0, axis=axis)
    edges = np.linspace(0, size, side + 1)
    whole = np.minimum(edges.astype(np.intp), size - 1)
    shape = [1, 1, 1]
    shape[axis] = -1
    share = (edges - whole).reshape(shape)
    at = np.take(total, whole, axis) * (1 - share) + np.take(total, whole + 1, axis) * share
    return np.asarray(np.diff(at, axis=axis) / (size / side), dtype=np.float32)


def label(picture: Picture, text: str, scale: int = 3) -> Picture:
    """Returns the picture with a few capital letters in its upper left corner, white on black.

    Raises:
        KeyError: When a letter is not one of those this module draws.
    """
    columns = np.array(
        [column for letter in text for column in (*_LETTERS[letter], 0)][:-1], np.uint8
    )
    ink = ((columns[None, :] >> np.arange(7)[:, None]) & 1).repeat(scale, 0).repeat(
        scale, 1
    ) * np.uint8(255)
    plate = np.pad(ink, 2 * scale)
    labelled = picture.copy()
    labelled[:, : plate.shape[0], : plate.shape[1]] = plate[: picture.shape[1], : picture.shape[2]]
    return labelled


def sheet(rows: Sequence[Sequence[Picture]]) -> Picture:
    """Returns the pictures, all of one size, in rows on white."""
    lines = [np.concatenate(_spaced(line, 2), axis=2) for line in rows]
    return np.concatenate(_spaced(lines, 1), axis=1)


def _spaced(pictures: Sequence[Picture], axis: int) -> list[Picture]:
    shape = list(pictures[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, np.uint8)
    return [part for picture in pictures for part in (picture, gap)][:-1]
