"""Processor time of commands that have next to nothing to do: their start."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["run"]


def _commands(folder: Path) -> dict[str, list[str]]:
    scene = folder / "scene"
    pair = [str(scene / "pan.tif"), str(scene / "ms.tif")]
    sharpen = ["sharpen", *pair, "-o", str(folder / "out.tif"), "--overwrite"]
    return {
        "simulate 128 x 128": ["simulate", str(scene), "--size", "128", "--overwrite"],
        "help": ["--help"],
        "refuse a missing file": ["sharpen", "missing", "missing", "-o", str(folder / "o.tif")],
        "sharpen by GSA": [*sharpen, "--method", "gsa"],
        "sharpen by a network": sharpen,
    }


def _seconds(words: list[str]) -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "ssdiff_cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def run(*, repeats: int) -> None:
    """Prints the least processor time of each."""
    print(f"start-up, processor seconds, least of {repeats}")
    with tempfile.TemporaryDirectory() as name:
        for what, words in _commands(Path(name)).items():
            print(f"  {what:22} {min(_seconds(words) for _ in range(repeats)):.2f}")
