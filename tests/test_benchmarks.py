"""The benchmarks run, and print their ratios; what the ratios are is for a quiet machine to say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_every_benchmark_runs_on_small_sizes() -> None:
    sizes = ["--repeats", "1", "--side", "256", "--sides", "256", "512", "--model-sides", "256", "512", "--cuda-side", "512"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *sizes],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"},
    )
    assert done.returncode == 0, done.stderr
    for pattern in (r"naive over the tile +[\d.]+ ms", r"share of the bare speed [\d.]+%", r"exp +256: \d+ MB.*ratio [\d.]+"):
        assert re.search(pattern, done.stdout), done.stdout
    assert ("no device, skipped" in done.stdout) != torch.cuda.is_available()
