import numpy as np
import torch

from ssdiff_models.resampling.upsample import upsample
from ssdiff_models.scene.model_grid import ModelGrid
from ssdiff_models.scene.windows import Window


def test_an_ms_window_is_just_what_interpolation_needs() -> None:
    grid = ModelGrid.aligned(4)
    window = Window(row=8, col=-4, rows=12, cols=16)
    ms = grid.ms_window(window)
    image = torch.zeros(1, *ms.shape)
    assert upsample(image, grid.ratio, grid.phase).shape[1:] == window.shape


def test_the_corners_of_an_aligned_grid_are_those_of_the_pan() -> None:
    for ratio in (2, 3, 4):
        assert ModelGrid.aligned(ratio).phase == np.arange(ratio).mean()


def test_distances_are_rounded_up_to_whole_ms_pixels() -> None:
    grid = ModelGrid(ratio=4, phase=2.0)
    assert [grid.whole_pixels(reach) for reach in (0, 1, 4, 5)] == [0, 4, 4, 8]
