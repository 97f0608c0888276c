"""Networks, models and scenes so small that a test takes no time, with no layer at zero."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from ssdiff_models.scene.array_source import ArraySource
from ssdiff_models.scene.source import Patch
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import Window

__all__ = [
    "ArraySource",
    "PartSource",
    "Slots",
    "fuser_of",
    "images",
    "model",
    "network",
    "randomised",
    "scene",
    "scene_source",
]

Array = npt.NDArray[Any]
Net = TypeVar("Net", bound=nn.Module)


def randomised(net: Net, seed: int = 0) -> Net:
    """Gives every parameter a random part, those that start at zero, too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return net


class Slots(Network):
    """Adds the number of its place to each band."""

    def __init__(self, bands: int = 4) -> None:
        super().__init__(SSDiffConfig(bands=bands, window=8))

    @property
    def multiple(self) -> int:
        return 8

    @property
    def receptive_radius(self) -> int:
        return 0

    @property
    def last_layer(self) -> nn.Conv2d:
        raise NotImplementedError

    def branch_of(self, name: str) -> None:
        return None

    def forward(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return torch.arange(lms.shape[1]).float()[None, :, None, None].expand_as(lms)


@cache
def network(
    bands: int = 4, ratio: int = 4, window: int = 8, *, ms_skip: bool = False, unshuffle: int = 1
) -> SSDiff:
    """Returns one shared network of 16 channels in evaluation mode; do not change it."""
    with torch.random.fork_rng():
        torch.manual_seed(bands)
        net = SSDiff(
            SSDiffConfig(
                bands=bands,
                ratio=ratio,
                dim=16,
                window=window,
                time_width=32,
                ms_skip=ms_skip,
                unshuffle=unshuffle,
            )
        )
    return randomised(net, seed=1).eval().requires_grad_(requires_grad=False)


def images(
    bands: int, rows: int, cols: int, *, ratio: int = 4, batch: int = 1
) -> dict[str, Tensor]:
    """Returns random arguments of a network."""
    generator = torch.Generator().manual_seed(7)
    shapes = {
        "lms": (bands, rows, cols),
        "pan": (1, rows, cols),
        "ms": (bands, rows // ratio, cols // ratio),
        "x_t": (bands, rows, cols),
    }
    drawn = {
        name: torch.randn((batch, *shape), generator=generator) for name, shape in shapes.items()
    }
    return drawn | {"t": torch.randint(0, 1000, (batch,), generator=generator)}


def model(count: int = 4, ratio: int = 4, **changes: Any) -> Checkpoint:
    """Returns a model of `count` bands around the tiny network, with tiles of 24 pixels that overlap by 8."""
    own = {"network": network(count, ratio), "bands": None, "ratio": ratio}
    fields: dict[str, Any] = (
        own
        | {"tile": 24, "overlap": 8, "ms_phase": (ratio - 1) / 2, "metadata": {"name": "tiny"}}
        | changes
    )
    return Checkpoint(**fields)


def scene(
    rows: int, cols: int, *, bands: int = 4, ratio: int = 4, seed: int = 0
) -> tuple[Array, Array]:
    """Returns a PAN ``(rows, cols)`` and its MS, uint16, smooth with a little texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :cols]
    pan = 500 + 200 * np.sin(x / 9 + seed) * np.cos(y / 7) + rng.normal(0, 20, (rows, cols))
    coarse = pan.reshape(rows // ratio, ratio, cols // ratio, ratio).mean((1, 3))
    ms = np.stack([coarse * (0.6 + 0.2 * band) + 30 * band for band in range(bands)])
    return pan.clip(1, 2047).astype(np.uint16), ms.clip(1, 2047).astype(np.uint16)


def scene_source(
    rows: int, cols: int, *, bands: int = 4, ratio: int = 4, seed: int = 0
) -> ArraySource:
    """Returns a scene as a source."""
    pan, ms = scene(rows, cols, bands=bands, ratio=ratio, seed=seed)
    return ArraySource(pan=pan.astype(np.float32), ms=ms.astype(np.float32), ratio=ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSource:
    """A source that asks for a part of another's scene, some of it invalid."""

    whole: ArraySource
    area: Window
    invalid: tuple[Window, ...] = ()
    reads: list[Window] = field(default_factory=list)
    """The windows that were read."""

    @property
    def rows(self) -> int:
        return self.whole.rows

    @property
    def cols(self) -> int:
        return self.whole.cols

    @property
    def bands(self) -> int:
        return self.whole.bands

    @property
    def ratio(self) -> int:
        return self.whole.ratio

    def statistics(self) -> SceneStatistics:
        return self.whole.statistics()

    def read(self, window: Window) -> Patch:
        self.reads.append(window)
        patch = self.whole.read(window)
        for hole in self.invalid:
            common = hole.intersection(window)
            if common is not None:
                patch.valid[common.within(window)] = False
        return patch


def fuser_of(
    source: ArraySource, checkpoint: Checkpoint | None = None, **changes: Any
) -> ModelFuser:
    """Returns a model bound to a scene, its settings changed."""
    checkpoint = checkpoint or model(source.bands, source.ratio)
    return ModelFuser.for_scene(checkpoint, source, FusionSettings.of(checkpoint, **changes))
