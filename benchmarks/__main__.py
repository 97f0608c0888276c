"""Runs the benchmarks: ``python -m benchmarks [PART ...]``, all parts but ``scale`` by default."""

import argparse
from collections.abc import Callable

import torch

from benchmarks import attention, end_to_end, memory, precision, scale, start_up

PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "attention": lambda options: attention.run(repeats=options.repeats),
    "end-to-end": lambda options: end_to_end.run(side=options.side, model=options.model),
    "memory": lambda options: memory.run(
        sides=tuple(options.sides), model_sides=tuple(options.model_sides)
    ),
    "precision": lambda options: precision.run(repeats=min(options.repeats, 3)),
    "start-up": lambda options: start_up.run(repeats=min(options.repeats, 3)),
    "scale": lambda options: scale.run(
        sides=tuple(options.scale_sides),
        area=options.scale_area,
        threads=options.threads,
        repeats=options.scale_repeats,
    ),
}
DEFAULTS = [name for name in PARTS if name != "scale"]
"""`scale` takes minutes and, for its largest output, gigabytes of disk."""


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help="which ones; all but scale by default"
    )
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    parser.add_argument("--model", help="model file; by default a fresh one of the shipped size")
    parser.add_argument("--repeats", type=int, default=10, help="network steps timed (default: 10)")
    parser.add_argument(
        "--side", type=int, default=1024, help="PAN side of the end-to-end run (default: 1024)"
    )
    parser.add_argument(
        "--sides",
        type=int,
        nargs=2,
        default=[2048, 8192],
        help="PAN sides whose memory is compared, by EXP",
    )
    parser.add_argument(
        "--model-sides", type=int, nargs=2, default=[512, 2048], help="the same, by a small model"
    )
    parser.add_argument(
        "--scale-sides",
        type=int,
        nargs="+",
        default=[4096, 8192, 16384, 32768],
        help="PAN sides, in 1024s",
    )
    parser.add_argument(
        "--scale-area",
        type=int,
        default=512,
        help="PAN side of the part of each that goes through the network",
    )
    parser.add_argument(
        "--scale-repeats",
        type=int,
        default=3,
        help="runs of what takes seconds; the cheapest counts (default: 3)",
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.parts or DEFAULTS:
        PARTS[name](options)


main()
