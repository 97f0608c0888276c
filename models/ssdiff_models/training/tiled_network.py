"""A network that sees an image tile by tile, as in a sharpening."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.fusion.blending import Blender, row_major
from ssdiff_models.nets.network import Network
from ssdiff_models.scene.windows import TileGrid, Window

__all__ = ["TiledNetwork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TiledNetwork:
    """Predicts the residual of one image in overlapping tiles, and blends them."""

    network: Network
    step: int
    """Distance between tiles in PAN pixels."""
    overlap: int
    """Pixels that neighbouring tiles share."""

    @classmethod
    def of(cls, model: Checkpoint) -> "TiledNetwork":
        """Returns a model's network with the model's tiles."""
        return cls(network=model.network, step=model.tile, overlap=model.overlap)

    def __call__(self, *, lms: Tensor, pan: Tensor, ms: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicts the residual; arguments are those of a network, for a batch of one."""
        rows, cols = lms.shape[-2:]
        ratio = rows // ms.shape[-2]
        whole = Window(row=0, col=0, rows=rows, cols=cols)
        multiple = self.network.multiple
        grid = TileGrid(
            rows=rows, cols=cols, step=self.step, overlap=self.overlap, multiple=multiple
        )
        blender = Blender(grid)
        residual = torch.empty_like(lms)
        for i, j in row_major(range(grid.tile_rows), range(grid.tile_cols)):
            if j == 0:
                blender.start_row()
            own = (..., *grid.tile(i, j).within(whole))
            own_ms = (..., *grid.tile(i, j).coarser(ratio).within(whole))
            tile = self.network(lms=lms[own], pan=pan[own], ms=ms[own_ms], x_t=x_t[own], t=t)
            block, pixels = blender.add(i, j, tile[0].cpu().numpy())
            residual[(..., *block.within(whole))] = torch.from_numpy(pixels).to(residual)
        return residual
