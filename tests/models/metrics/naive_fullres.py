"""The figures at full resolution once more, from their formulas, on whole images: for comparison."""

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d, gaussian_filter

from tests.models.metrics import naive

Image = npt.NDArray[np.float64]

BINS = np.arange(-20, 21)


def box(image: Image, w: int) -> Image:
    """Sums over rows and columns -w+1 .. +w around each pixel, zeros beyond the image."""
    ones = np.ones(2 * w)
    for axis in (-2, -1):
        # A filter of even length looks half a pixel down or to the right.
        image = correlate1d(image, ones, axis, mode="constant", origin=-1)
    return image


def rho(a: Image, b: Image, w: int) -> Image:
    u = a - box(a, w) / (2 * w) ** 2
    v = b - box(b, w) / (2 * w) ** 2
    energy = np.maximum(box(u * u, w), 1e-20) * np.maximum(box(v * v, w), 1e-20)
    return np.asarray(box(u * v, w) / np.sqrt(energy))


def d_rho(fused: Image, pan: Image, ratio: int) -> list[float]:
    w = math.ceil(ratio / 2)
    return [float(np.mean(1 - np.clip(rho(band, pan, w), -1, 1))) for band in fused]


def kernel(gain: float, ratio: int) -> Image:
    sigma = 40 / (2 * ratio) / math.sqrt(-2 * math.log(gain))
    response = np.exp(-(BINS**2) / (2 * sigma**2))
    profile = np.array([np.sum(response * np.cos(2 * np.pi * BINS * n / 41)) for n in BINS]) / 41
    taps = np.outer(profile, profile) * np.kaiser(41, 0.5)
    taps = np.maximum(taps, 0)
    return np.asarray(taps / taps.sum())


def filtered(band: Image, gain: float, ratio: int) -> Image:
    taps = kernel(gain, ratio)
    padded = np.pad(band, 20, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (41, 41))
    return np.asarray(np.einsum("ijkl,kl->ij", windows, taps, optimize=True))


def alignment(pan: Image, ms: Image, gain: float, ratio: int) -> list[tuple[int, int]]:
    low = filtered(pan, gain, ratio)
    found = []
    for band in ms:
        scores = {
            (i, j): float(np.mean(rho(band, low[i::ratio, j::ratio], ratio // 2)))
            for i in range(ratio)
            for j in range(ratio)
        }
        found.append(max(scores, key=scores.__getitem__))
    return found


def reprojected(
    fused: Image, gains: tuple[float, ...], ratio: int, places: list[tuple[int, int]]
) -> Image:
    return np.stack(
        [
            filtered(band, gain, ratio)[i::ratio, j::ratio]
            for band, gain, (i, j) in zip(fused, gains, places, strict=True)
        ]
    )


def r_sam(seen: Image, ms: Image) -> float:
    norms = np.sqrt((seen**2).sum(0) * (ms**2).sum(0))
    cosine = (seen * ms).sum(0) / np.where(norms > 0, norms, 1)
    angle = np.where(norms > 0, np.arccos(np.clip(cosine, -1, 1)), 0)
    return math.degrees(float(angle.mean()))


def r_q2n(seen: Image, ms: Image, block: int = 32) -> float:
    bands, rows, cols = seen.shape
    if rows % block and cols % block:
        padding = ((0, 0), (0, -rows % block), (0, -cols % block))
        seen, ms = (np.trunc(np.pad(image, padding, mode="reflect")) for image in (seen, ms))
    zeros = ((0, (1 << (bands - 1).bit_length()) - bands), (0, 0), (0, 0))
    seen, ms = (np.pad(image, zeros) for image in (seen, ms))
    starts = [(i, j) for i in range(0, rows, block) for j in range(0, cols, block)]
    spots = [(slice(None), slice(i, i + block), slice(j, j + block)) for i, j in starts]
    return float(np.mean([naive.q2n_block(seen[spot], ms[spot]) for spot in spots]))


def d_s_r(fused: Image, pan: Image) -> float:
    flat = fused.reshape(len(fused), -1).T
    weights = np.linalg.lstsq(flat, pan.ravel(), rcond=None)[0]
    return float((pan.ravel() - flat @ weights).var() / pan.var())


def detail(fused: Image, pan: Image) -> dict[str, float]:
    def inner(image: Image) -> Image:
        return image[16:-16, 16:-16]

    def high(image: Image) -> Image:
        return inner(image - gaussian_filter(image, 1, mode="nearest")).ravel()

    def low(image: Image) -> Image:
        return inner(gaussian_filter(image, 6, mode="nearest"))[::4, ::4].ravel()

    coarse = [low(band) for band in fused]
    design = np.stack([*coarse, np.ones_like(coarse[0])], axis=1)
    weights = np.linalg.lstsq(design, low(pan), rcond=None)[0][:-1]
    own, whole = high(pan), high(np.tensordot(weights, fused, 1))
    corr = np.corrcoef(whole, own)[0, 1]
    rest = []
    for band in map(high, fused):
        slope = np.polyfit(own, band, 1)[0]
        rest.append((band - slope * own).std() / band.std())
    gain = whole.std() / own.std()
    return {"gain": gain, "corr": corr, "slope": gain * corr, "other": float(np.mean(rest))}
