"""A small scene as arrays, and as a source that may have holes."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holed:
    """A source some of whose pixels are invalid; they hold `filling` more than the scene, as a careless fill might."""

    source: ArraySource
    holes: npt.NDArray[np.bool_]

    rows = property(lambda self: self.source.rows)
    cols = property(lambda self: self.source.cols)
    bands = property(lambda self: self.source.bands)
    ratio = property(lambda self: self.source.ratio)
    area = property(lambda self: self.source.area)

    def statistics(self) -> SceneStatistics:
        return self.source.statistics()

    def read(self, window: Window) -> Patch:
        patch = self.source.read(window)
        part = window.intersection(self.area)
        assert part is not None
        valid = patch.valid.copy()
        valid[part.within(window)] &= ~self.holes[part.within(self.area)]
        return replace(patch, valid=valid)


def textured(bands: int, rows: int, cols: int, ratio: int, seed: int = 0) -> ArraySource:
    """A scene with correlated bands, and a PAN that is nearly their mixture with more detail, 100..2000 DN."""
    rng = np.random.default_rng(seed)
    small = rng.normal(size=(bands + 1, rows // ratio + 8, cols // ratio + 8))
    for axis in (1, 2):
        small = np.sum([np.roll(small, shift, axis) for shift in range(4)], axis=0) / 2
    small = small[:, 4:-4, 4:-4]
    ms = 600 + 60 * (small[:1] * 1.5 + small[1:])
    pan = np.kron(ms.mean(0), np.ones((ratio, ratio))) + 25 * rng.normal(size=(rows, cols))
    return ArraySource(pan=pan.astype(np.float32), ms=ms.astype(np.float32), ratio=ratio)


@pytest.fixture(scope="session")
def scene() -> ArraySource:
    return textured(4, 320, 288, 4)
