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


def full_resolution(fused: Array, lms: Array, pan: Array, sensor: str) -> Scores:
    """Returns both D_lambda, D_s, HQNR and QNR: fused and LMS ``(bands, rows, cols)``, PAN ``(rows, cols)``."""
    khan = metrics.d_lambda_khan(fused, lms, sensor=sensor, ratio=4)
    spatial = metrics.d_s(fused, lms, pan, ratio=4)
    spectral = metrics.d_lambda(fused, lms)
    return {
        "D_lambda_K": khan,
        "D_s": spatial,
        "HQNR": (1 - khan) * (1 - spatial),
        "D_lambda": spectral,
        "QNR": (1 - spectral) * (1 - spatial),
    }
