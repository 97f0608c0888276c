"""The metrics once more, straight from their formulas, with loops: slow, and independent of the vectorised ones."""

import math

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float64]


def sam(fused: Image, reference: Image) -> float:
    angles = []
    for row in range(fused.shape[1]):
        for col in range(fused.shape[2]):
            a, b = fused[:, row, col], reference[:, row, col]
            norm = math.sqrt(float(a @ a) * float(b @ b))
            if norm > 0:
                angles.append(math.acos(max(-1.0, min(1.0, float(a @ b) / norm))))
    return math.degrees(sum(angles) / len(angles))


def ergas(fused: Image, reference: Image, ratio: float) -> float:
    terms = [np.mean((f - r) ** 2) / np.mean(r) ** 2 for f, r in zip(fused, reference, strict=True)]
    return 100 / ratio * math.sqrt(sum(terms) / len(terms))


def psnr(fused: Image, reference: Image, peak: float) -> float:
    return 20 * math.log10(peak / math.sqrt(np.mean((fused - reference) ** 2)))


def index(a: Image, b: Image) -> float:
    """Wang and Bovik's index of one window."""
    variances, squares = a.var(ddof=1) + b.var(ddof=1), a.mean() ** 2 + b.mean() ** 2
    covariance = np.mean((a - a.mean()) * (b - b.mean())) * a.size / (a.size - 1)
    return float(4 * covariance * a.mean() * b.mean() / (variances * squares))


def uqi(fused: Image, reference: Image, block: int) -> float:
    bands, rows, cols = fused.shape
    return float(
        np.mean(
            [
                index(
                    fused[k, i : i + block, j : j + block],
                    reference[k, i : i + block, j : j + block],
                )
                for k in range(bands)
                for i in range(rows - block + 1)
                for j in range(cols - block + 1)
            ]
        )
    )


def block_uqi(a: Image, b: Image, block: int) -> float:
    rows, cols = a.shape
    starts = [
        (i, j) for i in range(0, rows - block + 1, block) for j in range(0, cols - block + 1, block)
    ]
    return float(
        np.mean(
            [
                index(a[i : i + block, j : j + block], b[i : i + block, j : j + block])
                for i, j in starts
            ]
        )
    )


def conjugate(z: Image) -> Image:
    return np.concatenate([z[:1], -z[1:]])


def multiply(x: Image, y: Image) -> Image:
    """Cayley-Dickson by halves; the second halves enter conjugated, as in the reference."""
    half = len(x) // 2
    if half == 0:
        return x * y
    a, b, c, d = x[:half], conjugate(x[half:]), y[:half], conjugate(y[half:])
    return np.concatenate(
        [multiply(a, c) - multiply(d, conjugate(b)), multiply(conjugate(a), d) + multiply(c, b)]
    )


def q2n_block(fused: Image, reference: Image) -> float:
    """One block ``(bands, rows, cols)``, pixel by pixel; the number of bands is a power of two."""
    bands, n = fused.shape[0], fused[0].size
    z1, z2 = np.empty((bands, n)), np.empty((bands, n))
    for k in range(bands):
        mean, std = reference[k].mean(), reference[k].std(ddof=1) or np.finfo(float).eps
        z1[k] = ((reference[k] - mean) / std + 1).ravel()
        z2[k] = ((fused[k] - mean) / (std if mean else 1) + 1).ravel()
    z2 = np.concatenate([z2[:1], -z2[1:]])
    m1, m2 = z1.mean(axis=1), z2.mean(axis=1)
    bias = 2 * np.linalg.norm(m1) * np.linalg.norm(m2) / (m1 @ m1 + m2 @ m2)
    spread = (
        n
        / (n - 1)
        * (np.mean((z1**2).sum(axis=0)) + np.mean((z2**2).sum(axis=0)) - m1 @ m1 - m2 @ m2)
    )
    if spread == 0:
        return float(bias)
    mean_product = sum(multiply(z1[:, p], z2[:, p]) for p in range(n)) / n
    return float(
        np.linalg.norm(2 / spread * bias * n / (n - 1) * (mean_product - multiply(m1, m2)))
    )


def q2n(fused: Image, reference: Image, block: int) -> float:
    bands, rows, cols = fused.shape
    size = 1 << (bands - 1).bit_length()
    padding = ((0, 0), (0, -rows % block), (0, -cols % block))
    whole = []
    for image in (fused, reference):
        rounded = np.minimum(np.floor(np.maximum(image, 0) + 0.5), 65535)
        whole.append(
            np.pad(np.pad(rounded, padding, mode="symmetric"), ((0, size - bands), (0, 0), (0, 0)))
        )
    f, r = whole
    starts = [(i, j) for i in range(0, rows, block) for j in range(0, cols, block)]
    return float(
        np.mean(
            [
                q2n_block(f[:, i : i + block, j : j + block], r[:, i : i + block, j : j + block])
                for i, j in starts
            ]
        )
    )


def scc(fused: Image, reference: Image) -> float:
    gradients = []
    for image in (fused, reference):
        bands, rows, cols = image.shape
        framed = np.zeros_like(image)
        framed[:, 1:-1, 1:-1] = image[:, 1:-1, 1:-1]
        out = np.zeros((bands, rows - 2, cols - 2))
        for k in range(bands):
            for i in range(1, rows - 1):
                for j in range(1, cols - 1):
                    w = framed[k, i - 1 : i + 2, j - 1 : j + 2]
                    x = np.sum(w * np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
                    y = np.sum(w * np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]))
                    out[k, i - 1, j - 1] = math.hypot(x, y)
        gradients.append(out)
    f, g = gradients
    return float(np.sum(f * g) / math.sqrt(np.sum(f * f) * np.sum(g * g)))


def ssim(fused: Image, reference: Image, peak: float) -> float:
    axis = np.arange(-5, 6)
    weight = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    values = []
    for f, r in zip(fused, reference, strict=True):
        for i in range(f.shape[0] - 10):
            for j in range(f.shape[1] - 10):
                a, b = f[i : i + 11, j : j + 11], r[i : i + 11, j : j + 11]
                ma, mb = np.sum(weight * a), np.sum(weight * b)
                va, vb = np.sum(weight * (a - ma) ** 2), np.sum(weight * (b - mb) ** 2)
                cov = np.sum(weight * (a - ma) * (b - mb))
                values.append(
                    (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
                )
    return float(np.mean(values))


def pair(*, bands: int = 4, rows: int = 24, cols: int = 20, seed: int = 0) -> tuple[Image, Image]:
    """A fused image and its reference: correlated bands with texture, and some noise between the two."""
    rng = np.random.default_rng(seed)
    reference = 400 + 300 * rng.random((1, rows, cols)) * (
        1 + np.arange(bands)[:, None, None] / bands
    )
    reference = reference + 40 * rng.standard_normal((bands, rows, cols))
    return reference + 60 * rng.standard_normal(reference.shape), reference
