"""The toolbox's figures of a fused image, under the toolbox's names."""

import numpy as np
import numpy.typing as npt

from ssdiff_models import metrics

Array = npt.NDArray[np.float64]
Scores = dict[str, float]

CROPS = {"nocut": slice(None), "cut21": slice(20, -21)}
"""Rows and columns that count: all, or those inside the toolbox's border."""


def reduced_resolution(fused: Array, reference: Array) -> dict[str, Scores]:
    """Returns Q2n, Q, SAM, ERGAS and SCC against a reference ``(bands, rows, cols)``, by crop."""
    return {
        name: _against(fused[:, crop, crop], reference[:, crop, crop])
        for name, crop in CROPS.items()
    }


def _against(fused: Array, reference: Array) -> Scores:
    return {
        "Q2n": metrics.q2n(fused, reference),
        "Q": metrics.uqi(fused, reference),
        "SAM": metrics.sam(fused, reference),
        "ERGAS": metrics.ergas(fused, reference, ratio=4),
        "SCC": metrics.scc(fused, reference),
    }


FULL = {
    "D_lambda_K": "d_lambda_khan",
    "D_s": "d_s",
    "HQNR": "hqnr",
    "D_lambda": "d_lambda",
    "QNR": "qnr",
}
"""The toolbox's names of figures without a truth."""
SCARPA = {
    "D_rho": "d_rho",
    "R_Q2n": "r_q2n",
    "R_SAM": "r_sam",
    "R_ERGAS": "r_ergas",
    "D_lambda_align": "d_lambda_align",
    "D_s_R": "d_s_r",
}
"""Names in `fullres.json`."""
DETAIL = {"detail_gain": "gain", "detail_corr": "corr", "detail_other": "other"}


def full_resolution(fused: Array, lms: Array, pan: Array, ms: Array, sensor: str) -> Scores:
    """Returns the figures without a truth: fused and LMS ``(bands, rows, cols)``, PAN ``(rows, cols)``."""
    found = metrics.full_resolution_scores(fused, lms, pan, ms, sensor=sensor, ratio=4)
    names = FULL | SCARPA | DETAIL
    return {name: found[own] for name, own in names.items()}
