"""Too little memory for all tiles at a time: a process that may not have it, with the allocator's own errors."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scenes import fresh_model, write_pair
from ssdiff_models.checkpoint import save_checkpoint

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import re, resource, sys
from pathlib import Path
import rasterio, torch
from ssdiff_cli.app import main
from ssdiff_cli.commands import sharpen
from ssdiff_cli.jobs import sharpen as job

def size(name):
    return 1024 * int(re.search(rf"{name}:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

used, more = size("VmSize"), int(sys.argv.pop(1))
if more:
    resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))
try:
    main()
finally:
    print(f"took {size('VmPeak') - used} bytes", file=sys.stderr)
"""
SHARE = 0.8
"""Part of the memory that four tiles at a time take; enough for one."""


def sharpen(folder: Path, output: str, more: int) -> tuple[list[str], int]:
    """Runs the command in a process of its own that may allocate `more` bytes (0: any); returns its warnings and what it took."""
    command = [
        "sharpen",
        folder / "pan512.tif",
        folder / "ms512.tif",
        "-o",
        folder / output,
        "--model",
        folder / "model.safetensors",
    ]
    options = ["--tile", "256", "--num-threads", "4", "--device", "cpu", "--json"]
    # bfloat16's products fall back to others, which take more, where memory is short.
    options += ["--precision", "fp32"]
    # Freed memory goes back to the system at once, as it does where tiles are larger.
    allocator = {
        "MALLOC_MMAP_THRESHOLD_": "1048576",
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(more), *map(str, command), *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | allocator | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'models'}"},
    )
    assert done.returncode == 0, done.stderr
    took = re.search(r"took (\d+) bytes", done.stderr)
    assert took is not None
    return json.loads(done.stdout)["warnings"], int(took[1])


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's limits and /proc")
def test_a_run_with_too_little_memory_goes_on_with_fewer_tiles_at_a_time(tmp_path: Path) -> None:
    write_pair(tmp_path, 512)
    save_checkpoint(
        tmp_path / "model.safetensors", fresh_model(dim=16, window=8, tile=128, overlap=16)
    )
    free, took = sharpen(tmp_path, "free.tif", 0)
    assert free == []
    short, _ = sharpen(tmp_path, "short.tif", int(SHARE * took))
    assert any(
        "too little memory for 4 tiles at a time: 2 from now on" in line for line in short
    ), short
    assert (tmp_path / "short.tif").read_bytes() == (tmp_path / "free.tif").read_bytes()
