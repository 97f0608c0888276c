"""Quality figures by the field's reference definitions (the DLPan toolbox).

Functions score whole ``(bands, rows, cols)`` arrays or tensors; the accumulators behind them score
scenes that arrive in strips of rows, with the same result.
"""

from ssdiff_models.metrics.base import Accumulator
from ssdiff_models.metrics.full_resolution import (
    d_lambda,
    d_lambda_khan,
    d_s,
    full_resolution_scores,
    hqnr,
    qnr,
)
from ssdiff_models.metrics.q2n import Q2nAccumulator, q2n
from ssdiff_models.metrics.scene_figures import FullResolution
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
    "ErgasAccumulator",
    "FullResolution",
    "PsnrAccumulator",
    "Q2nAccumulator",
    "SamAccumulator",
    "SccAccumulator",
    "SsimAccumulator",
    "UqiAccumulator",
    "d_lambda",
    "d_lambda_khan",
    "d_s",
    "ergas",
    "full_resolution_scores",
    "hqnr",
    "psnr",
    "q2n",
    "qnr",
    "sam",
    "scc",
    "ssim",
    "uqi",
]
