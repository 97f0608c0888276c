"""The benchmarks run, and print their ratios; what the ratios are is for a quiet machine to say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import save_tiny

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
    ]
    printed = benchmarks(*sizes)
    for pattern in (
        r"naive over the tile +[\d.]+ ms",
        r"share of the bare speed [\d.]+%",
        r"exp +256: \d+ MB.*ratio [\d.]+",
    ):
        assert re.search(pattern, printed), printed


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


@pytest.mark.slow
def test_the_day_of_the_gpu_is_ready(tmp_path: Path) -> None:
    model = save_tiny(tmp_path)
    small = "--device cpu --tiles 32 64 --batches 1 2 --sides 256 --processes 2 --seconds 0"
    # The script takes the `python` of the path.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [ROOT / "benchmarks/gpu_day.sh", *small.split(), "--model", model],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests: exit 0, figures: exit 0" in done.stdout
    # Another precision, order and batch, and another tile with both batches.
    rows = re.findall(r"^ +\d+ +\d+ +\S+ +\S+ +eager +[\d.e-]+", done.stdout, flags=re.MULTILINE)
    assert len(rows) == 6, done.stdout
    for stage in ("reading", "launching", "blending", "rounding", "encoding", "writing"):
        assert re.search(rf"{stage} \d+%", done.stdout), done.stdout
    assert re.search(r"256 x 256: +[\d.e-]+ MP/s", done.stdout), done.stdout
    assert re.search(r"2 processes, start-up included: +[\d.e-]+ MP/s", done.stdout), done.stdout
