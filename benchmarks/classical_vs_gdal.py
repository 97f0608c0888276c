"""Times ``ssdiff sharpen --method brovey|gsa`` beside ``gdal_pansharpen``: ``python benchmarks/classical_vs_gdal.py [SIDE] [options]``.

Makes a pair of SIDE x SIDE PAN pixels (16384 by default) and 4 bands of 16-bit texture, runs every program in turn as a process of its
own on the same cores, and prints wall time, processor time and peak memory side by side. GDAL's is Debian's ``gdal-bin`` and
``python3-gdal``, run with the system's Python, once with its single thread and once with ``-threads ALL_CPUS``. All write tiled TIFFs
with the same creation options, uncompressed by default, so that nobody is measured by zlib.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

RATIO, BANDS, BLOCK = 4, 4, 1024
GDAL = "gdal_pansharpen.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took."""

    wall: float
    cpu: float
    peak: int


def texture(side: int, seed: int) -> npt.NDArray[np.float32]:
    """Returns `BANDS` correlated bands of smooth texture around 600."""
    noise: npt.NDArray[np.float32] = (
        np.random.default_rng(seed).normal(size=(BANDS + 1, side, side)).astype(np.float32)
    )
    for axis in (1, 2):
        noise = (noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)) * np.float32(3**-0.5)
    return np.float32(600) + np.float32(80) * (noise[1:] + np.float32(2) * noise[:1])


def make_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Writes the pair: one block of texture, repeated."""
    bands = texture(BLOCK // RATIO, 0)
    pan = bands.mean(0, dtype=np.float32).repeat(RATIO, 0).repeat(RATIO, 1)
    pan += np.random.default_rng(1).normal(0, 30, pan.shape).astype(np.float32)
    write(folder / "pan.tif", pan[None], side, 0.5)
    write(folder / "ms.tif", bands, side // RATIO, 0.5 * RATIO)
    return folder / "pan.tif", folder / "ms.tif"


def write(path: Path, tile: npt.NDArray[np.float32], side: int, pixel: float) -> None:
    values, step = np.clip(tile, 1, 2047).astype(np.uint16), tile.shape[1]
    keywords = {
        "driver": "GTiff",
        "count": len(tile),
        "dtype": "uint16",
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    place = from_origin(500_000, 5_000_000, pixel, pixel)
    with rasterio.open(
        path, "w", width=side, height=side, crs="EPSG:32632", transform=place, **keywords
    ) as output:
        for row in range(0, side, step):
            for col in range(0, side, step):
                rows, cols = min(step, side - row), min(step, side - col)
                output.write(values[:, :rows, :cols], window=Window(col, row, cols, rows))


def measure(command: list[str], output: Path) -> Cost:
    """Runs a command to its end; its children count where it waits for them."""
    output.unlink(missing_ok=True)
    os.sync()  # what the run before wrote is not this one's burden
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - started
    if status:
        sys.exit(f"failed with status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024)


def commands(pan: Path, ms: Path, output: Path, creation: list[str]) -> dict[str, list[str]]:
    options = [part for option in creation for part in ("--co", option)]
    ours = [
        sys.executable,
        "-m",
        "ssdiff_cli",
        "sharpen",
        str(pan),
        str(ms),
        "-o",
        str(output),
        "-q",
        *options,
    ]
    found = shutil.which(GDAL)
    if found is None:
        sys.exit(f"no {GDAL}: apt-get install gdal-bin python3-gdal")
    options = [part for option in ["TILED=YES", *creation] for part in ("-co", option)]
    theirs = ["/usr/bin/python3", found, "-q", *options]
    files = [str(pan), str(ms), str(output)]
    return {
        "gdal_pansharpen": [*theirs, *files],
        "gdal_pansharpen -threads ALL_CPUS": [*theirs, "-threads", "ALL_CPUS", *files],
        "ssdiff brovey": [*ours, "--method", "brovey"],
        "ssdiff gsa": [*ours, "--method", "gsa"],
    }


def report(costs: dict[str, list[Cost]]) -> None:
    best = {name: min(runs, key=lambda cost: cost.wall) for name, runs in costs.items()}
    gdal = [best[name] for name in best if name.startswith("gdal")]
    print(
        f"{'':36}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}   time and memory over GDAL's 1 thread, all threads"
    )
    for name, cost in best.items():
        ratios = "".join(
            f"{cost.wall / other.wall:8.2f} {cost.peak / other.peak:.2f}" for other in gdal
        )
        print(f"{name:36}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.peak / 1e6:9.0f}{ratios}")


@contextmanager
def workplace(given: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="classical_vs_gdal_", dir=given) as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "side", type=int, nargs="?", default=16384, help="PAN pixels on a side, a multiple of 4"
    )
    parser.add_argument(
        "--repeat", type=int, default=2, help="runs of each program; the fastest counts"
    )
    parser.add_argument(
        "--co", action="append", help="creation options for all, COMPRESS=NONE by default"
    )
    parser.add_argument(
        "--folder", type=Path, help="where to work; 11 bytes a PAN pixel are needed"
    )
    given = parser.parse_args()
    with workplace(given.folder) as folder:
        pan, ms = make_pair(folder, given.side)
        runs = commands(pan, ms, folder / "fused.tif", given.co or ["COMPRESS=NONE"])
        costs: dict[str, list[Cost]] = {name: [] for name in runs}
        for _ in range(given.repeat):
            for name, command in runs.items():
                costs[name].append(measure(command, folder / "fused.tif"))
        print(
            f"{given.side} x {given.side}, {BANDS} bands, {len(os.sched_getaffinity(0))} cores, best of {given.repeat}"
        )
        report(costs)


if __name__ == "__main__":
    main()
