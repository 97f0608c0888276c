"""What a large scene costs against a small one: memory, scratch disk and processor time per megapixel, each run a process of its own.

- Memory: the child's ``VmHWM`` and the largest ``RssAnon`` seen, both from ``/proc``; `os.wait4` would report what the parent
  had when it forked, too.
- Scratch: the most bytes seen in files next to the output other than the output, finished or not, in the folder that the child
  is given for temporary files, and in files that it holds open after deleting them.
- Cost: user and system seconds of the child. Start-up (about two seconds: imports, the model) and the statistics of the scene (1024
  patches, whatever its size) belong to no megapixel, so what is compared is what more pixels cost more:
  (seconds(n2) - seconds(n1)) / (Mpx(n2) - Mpx(n1)), for the whole scene between consecutive sizes of it, for an area of interest
  between one and another of twice the side in the same scene. Runs that take seconds vary by some tenths, so each is repeated and
  the cheapest counts.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from benchmarks.scenes import BANDS, fresh_model, write_model
from benchmarks.tiled_scenes import write_repeated_pair

__all__ = ["run"]

MEMORY_TARGET, COST_TARGET = 1.15, 1.10
"""Ratios of the largest to the smallest scene, and of the dearest to the cheapest megapixel, that are promised."""
POLL = 0.02
"""Seconds between two looks at the child."""
BAND_ROWS = 512
"""Rows of a band of the output's blocks."""
SECONDS = 20.0
"""Runs that take less processor time are repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took."""

    side: int
    peak: float
    """Peak resident memory in MB."""
    anonymous: float
    """The same without pages of files."""
    scratch: float
    """MB."""
    processor: float
    """Seconds."""
    wall: float
    """Seconds."""

    def price(self, more: "Cost", megapixels: float) -> float:
        """Processor seconds of another run beyond this one's, per megapixel that it has more."""
        return (more.processor - self.processor) / megapixels


def run(*, sides: tuple[int, ...], area: int, threads: int, repeats: int) -> None:
    """Prints what every size costs, and the ratios; `area` PAN pixels a side, and twice as many, go through the network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_model(folder, fresh_model(dim=16, window=8, tile=128, overlap=16))
        common = ("--num-threads", str(threads))
        print("scale: exp, the whole scene", flush=True)
        costs = [_cheapest(folder, side, (*common, "--method", "exp"), repeats) for side in sides]
        _print_memory(costs)
        _print_prices(
            (
                f"{small.side} to {large.side}",
                small.price(large, (large.side**2 - small.side**2) / 1e6),
            )
            for small, large in pairwise(costs)
        )
        print(
            f"scale: network, {area} x {area} pixels of the scene, and {2 * area} x {2 * area}",
            flush=True,
        )
        network = (*common, "--model", str(model))
        pairs = [
            [_cheapest(folder, side, (*network, _box(part)), repeats) for part in (area, 2 * area)]
            for side in sides
        ]
        _print_memory([pair[0] for pair in pairs])
        _print_prices(
            (str(small.side), small.price(large, 3 * area**2 / 1e6)) for small, large in pairs
        )


def _box(side: int) -> str:
    left, top = 500_000 + 256, 4_600_000 - 256
    return f"--bbox={left},{top - side / 2},{left + side / 2},{top}"


def _cheapest(folder: Path, side: int, options: tuple[str, ...], repeats: int) -> Cost:
    found = [_measure(folder, side, options)]
    while len(found) < repeats and found[0].processor < SECONDS:
        found.append(_measure(folder, side, options))
    best = replace(
        min(found, key=lambda cost: cost.processor),
        peak=max(cost.peak for cost in found),
        anonymous=max(cost.anonymous for cost in found),
        scratch=max(cost.scratch for cost in found),
    )
    print(_line(best), flush=True)
    return best


def _print_memory(costs: list[Cost]) -> None:
    first, last = costs[0], costs[-1]
    for what, ratio in (
        ("peak", last.peak / first.peak),
        ("anonymous", last.anonymous / first.anonymous),
    ):
        print(
            f"  {what:9} {last.side} / {first.side}: {ratio:.3f}; target: at most {MEMORY_TARGET:g}"
        )


def _print_prices(named: Iterable[tuple[str, float]]) -> None:
    prices = []
    for name, price in named:
        prices.append(price)
        print(f"  {name}: {1e3 * price:.1f} ms of processor time per megapixel more")
    if prices:
        print(
            f"  dearest / cheapest: {max(prices) / min(prices):.3f}; target: at most {COST_TARGET:g}",
            flush=True,
        )


def _line(cost: Cost) -> str:
    band = cost.side * BAND_ROWS * BANDS * 2 / 1e6
    return (
        f"  {cost.side:6}: peak {cost.peak:.0f} MB, anonymous {cost.anonymous:.0f} MB, scratch {cost.scratch:.3f} MB "
        f"(a band of rows: {band:.0f} MB), processor {cost.processor:.1f} s, wall {cost.wall:.1f} s"
    )


def _measure(folder: Path, side: int, options: tuple[str, ...]) -> Cost:
    inputs = write_repeated_pair(folder, side)
    results, scratch = folder / "results", folder / "scratch"
    results.mkdir()
    scratch.mkdir()
    command = [
        sys.executable,
        "-m",
        "ssdiff_cli",
        "sharpen",
        *map(str, inputs),
        "-o",
        str(results / "out.tif"),
    ]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--device", "cpu", "-q", *options],
        stdout=subprocess.DEVNULL,
        env=_environment() | {"TMPDIR": str(scratch)},
    )
    peak = anonymous = most = 0.0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        seen = _memory(process.pid)
        peak, anonymous = max(peak, seen[0]), max(anonymous, seen[1])
        most = max(most, sum(_scratch_files(process.pid, results, scratch)))
        time.sleep(POLL)
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        raise SystemExit(f"{' '.join(options)} on {side} x {side} failed")
    wall = time.perf_counter() - started
    for path in (*inputs, *results.iterdir(), *scratch.iterdir()):
        path.unlink()
    results.rmdir()
    scratch.rmdir()
    return Cost(
        side=side,
        peak=peak,
        anonymous=anonymous,
        scratch=most / 1e6,
        processor=ended[2].ru_utime + ended[2].ru_stime,
        wall=wall,
    )


def _memory(process: int) -> tuple[float, float]:
    """Returns peak resident and present anonymous memory in MB; zeros once the process is gone."""
    found = {"VmHWM": 0.0, "RssAnon": 0.0}
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) * 1024 / 1e6
    return found["VmHWM"], found["RssAnon"]


def _scratch_files(process: int, results: Path, scratch: Path) -> Iterator[int]:
    """Yields the bytes on disk of everything that is not the output."""
    beside = [path for path in results.iterdir() if path.name not in {"out.tif", "out.tif.part"}]
    held = Path(f"/proc/{process}/fd")
    try:
        deleted = [link for link in held.iterdir() if _target(link).endswith(" (deleted)")]
    except OSError:
        deleted = []
    for path in (*beside, *scratch.iterdir(), *deleted):
        try:
            yield path.stat().st_blocks * 512
        except OSError:
            continue


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[1]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "models")])}
