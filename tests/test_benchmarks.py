"""The benchmarks run, and print their ratios; what the ratios are is for a quiet machine to say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def benchmarks(*arguments: str) -> str:
    """What they print."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_benchmark_runs_on_small_sizes() -> None:
    sizes = [
        "--repeats",
        "1",
        "--side",
        "256",
        "--sides",
        "256",
        "512",
        "--model-sides",
        "256",
        "512",
        "--cuda-side",
        "512",
    ]
    printed = benchmarks(*sizes)
    for pattern in (
        r"naive over the tile +[\d.]+ ms",
        r"share of the bare speed [\d.]+%",
        r"exp +256: \d+ MB.*ratio [\d.]+",
    ):
        assert re.search(pattern, printed), printed
    assert ("no device, skipped" in printed) != torch.cuda.is_available()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_the_benchmark_of_scale_measures_a_child() -> None:
    printed = benchmarks(
        "scale", "--scale-sides", "1024", "2048", "--scale-area", "64", "--scale-repeats", "1"
    )
    peaks = [int(peak) for peak in re.findall(r"peak (\d+) MB", printed)]
    assert len(peaks) == 6
    # A process with torch and GDAL in it; one that was only seen at its start would have tens.
    assert min(peaks) > 150
    scratch = [float(size) for size in re.findall(r"scratch ([\d.]+) MB", printed)]
    assert max(scratch) < 1
    assert re.search(r"1024 to 2048: -?[\d.]+ ms of processor time per megapixel more", printed), (
        printed
    )
