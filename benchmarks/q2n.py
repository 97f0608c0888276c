"""Times Q2n: ``python -m benchmarks.q2n [SIDE [BANDS]]``; the goal is 2048 x 2048 x 8 in under 10 s on 2 cores."""

import sys
import time

import numpy as np

from ssdiff_models import metrics


def main() -> None:
    side, bands = (*(int(value) for value in sys.argv[1:]), *(2048, 8)[len(sys.argv) - 1 :])
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 2048, (bands, side, side), dtype=np.uint16)
    fused = np.clip(reference + rng.normal(0, 50, reference.shape), 0, 2047).astype(np.float32)
    start = time.perf_counter()
    whole = metrics.q2n(fused, reference)
    seconds = time.perf_counter() - start
    accumulator = metrics.Q2nAccumulator()
    for row in range(0, side, 100):
        accumulator.update(fused[:, row : row + 100], reference[:, row : row + 100])
    print(
        f"{side} x {side} x {bands}: Q2n {whole:.9f} in {seconds:.2f} s; streamed {accumulator.result() - whole:+.1e}"
    )


if __name__ == "__main__":
    main()
