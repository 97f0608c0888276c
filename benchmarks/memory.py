"""Peak resident memory of a large scene against that of a small one, each run a process of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.scenes import fresh_model, write_model, write_pair

__all__ = ["run"]

TARGET = 1.15


def _peak_megabytes(folder: Path, side: int, *options: str) -> float:
    pan, ms = write_pair(folder, side)
    command = [
        sys.executable,
        "-m",
        "ssdiff_cli",
        "sharpen",
        str(pan),
        str(ms),
        "-o",
        str(folder / "out.tif"),
        "--overwrite",
    ]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "-q", *options], stdout=subprocess.DEVNULL, env=_environment()
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(options)} on {side} x {side} failed")
    for path in (pan, ms):
        path.unlink()
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20


def _environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[1]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "models")])}


def run(*, sides: tuple[int, ...], model_sides: tuple[int, ...]) -> None:
    """Prints the ratios."""
    print("peak resident memory")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_model(folder, fresh_model(dim=16, window=8, tile=128, overlap=16))
        for what, (small, large), options in (
            ("exp", sides, ("--method", "exp")),
            ("model", model_sides, ("--model", str(model))),
        ):
            low, high = (_peak_megabytes(folder, side, *options) for side in (small, large))
            print(
                f"  {what:6} {small}: {low:.0f} MB, {large}: {high:.0f} MB, ratio {high / low:.3f}; target: at most {TARGET:g}"
            )
