"""Runs the benchmarks: ``python -m benchmarks [attention] [end-to-end] [memory] [cuda]``, all of them by default."""

import argparse
from collections.abc import Callable

import torch

from benchmarks import attention, cuda, end_to_end, memory

PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "attention": lambda options: attention.run(repeats=options.repeats),
    "end-to-end": lambda options: end_to_end.run(side=options.side, model=options.model),
    "memory": lambda options: memory.run(sides=tuple(options.sides), model_sides=tuple(options.model_sides)),
    "cuda": lambda options: cuda.run(side=options.cuda_side, model=options.model),
}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which ones; all by default")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    parser.add_argument("--model", help="model file; by default a fresh one of the shipped size")
    parser.add_argument("--repeats", type=int, default=10, help="network steps timed (default: 10)")
    parser.add_argument("--side", type=int, default=1024, help="PAN side of the end-to-end run (default: 1024)")
    parser.add_argument("--sides", type=int, nargs=2, default=[2048, 8192], help="PAN sides whose memory is compared, by EXP")
    parser.add_argument("--model-sides", type=int, nargs=2, default=[512, 2048], help="the same, by a small model")
    parser.add_argument("--cuda-side", type=int, default=8192, help="PAN side of the CUDA run (default: 8192)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.parts or PARTS:
        PARTS[name](options)


main()
