"""How many pixels the projection of a whole run put at the limits: where there are many, the MS is sharper than its MTF would leave it."""

from collections.abc import Sequence

from torch import Tensor

from ssdiff_models.limits import Limits

__all__ = ["CutTally"]


class CutTally:
    """Counts the pixels of each band that were within the limits before a projection, and at them after it."""

    def __init__(self) -> None:
        self._cut: list[tuple[tuple[int, ...], Tensor, int]] = []

    def add(self, bands: Sequence[int], before: Tensor, after: Tensor, limits: Limits) -> None:
        """Takes a batch ``(B, bands, rows, cols)`` before and after; threads may add at the same time, and no device is waited for."""
        low = (after <= limits.low) & (before > limits.low)
        high = (after >= limits.high) & (before < limits.high)
        self._cut.append((tuple(bands), (low | high).sum((0, 2, 3)), before[:, 0].numel()))

    def worst(self) -> tuple[int, float]:
        """Returns the band of which most was cut, and what share of its pixels, 0..1."""
        cut: dict[int, int] = {}
        pixels: dict[int, int] = {}
        for bands, counts, size in self._cut:
            for band, count in zip(bands, counts.tolist(), strict=True):
                cut[band], pixels[band] = cut.get(band, 0) + count, pixels.get(band, 0) + size
        shares = {band: cut[band] / pixels[band] for band in cut}
        return max(shares.items(), key=lambda item: item[1], default=(0, 0.0))
