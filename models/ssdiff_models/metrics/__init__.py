"""Quality figures by the field's reference definitions (the DLPan toolbox).

Functions score whole ``(bands, rows, cols)`` arrays or tensors; the accumulators behind them score
scenes that arrive in strips of rows, with the same result.
"""

from ssdiff_models.metrics.base import Accumulator
from ssdiff_models.metrics.detail import detail
from ssdiff_models.metrics.full_resolution import (
    d_lambda,
    d_lambda_khan,
    d_s,
    hqnr,
    qnr,
)
from ssdiff_models.metrics.local_correlation import d_rho
from ssdiff_models.metrics.piece import Piece
from ssdiff_models.metrics.q2n import Q2nAccumulator, q2n
from ssdiff_models.metrics.scene_figures import FullResolution, full_resolution_scores
from ssdiff_models.metrics.sensor_view import Alignment, Place, find_places, whole_pixels
from ssdiff_models.metrics.spectral import (
    ErgasAccumulator,
    PsnrAccumulator,
    SamAccumulator,
    ergas,
    psnr,
    sam,
)
from ssdiff_models.metrics.structure import (
    SccAccumulator,
    SsimAccumulator,
    UqiAccumulator,
    scc,
    ssim,
    uqi,
)

__all__ = [
    "Accumulator",
    "Alignment",
    "ErgasAccumulator",
    "FullResolution",
    "Piece",
    "Place",
    "PsnrAccumulator",
    "Q2nAccumulator",
    "SamAccumulator",
    "SccAccumulator",
    "SsimAccumulator",
    "UqiAccumulator",
    "d_lambda",
    "d_lambda_khan",
    "d_rho",
    "d_s",
    "detail",
    "ergas",
    "find_places",
    "full_resolution_scores",
    "hqnr",
    "psnr",
    "q2n",
    "qnr",
    "sam",
    "scc",
    "ssim",
    "uqi",
    "whole_pixels",
]
