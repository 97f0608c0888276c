"""Every command is killed, and given a broken and a full disk, at its file operations; then the same command is repeated.

A run that fails says so in one line and leaves its files all or not at all; the next one ends with the same bytes, or says that
they are there; nothing else is left, and no input is touched.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssdiff_cli.rasters.writing.shards import Shard, shard_path
from tests.cli.calls import save_tiny, ssdiff
from tests.scenes import SceneFactory

ROOT = Path(__file__).parents[2]
SHARDS = [shard_path("o.tif", Shard(index=index, count=2)) for index in (1, 2)]
EXP = ("--method", "exp", "-j", "1")
TILES = ("--co", "BLOCKXSIZE=32", "--co", "BLOCKYSIZE=32")
PAIR = ("pan.tif", "ms.tif")
LARGE = ("large-pan.tif", "large-ms.tif")
COMMANDS = {
    "sharpen": ("sharpen", *PAIR, "-o", "o.tif", *EXP, *TILES),
    "cog": ("sharpen", *PAIR, "-o", "o.tif", "-f", "COG", *EXP),
    "overwrite": ("sharpen", *PAIR, "-o", "old.tif", "--overwrite", *EXP, *TILES),
    "uncertainty": (
        *("sharpen", *PAIR, "-o", "o.tif", "--uncertainty", "u.tif", "--samples", "2"),
        *("--model", "tiny.safetensors", "--device", "cpu", "-j", "1"),
    ),
    "shard": ("sharpen", *PAIR, "-o", "o.tif", "--shard", "1/2", *EXP, *TILES),
    "merge": ("merge", *SHARDS, "-o", "merged.tif"),
    "simulate": ("simulate", "scene", "--size", "64"),
    "eval": (
        *("eval", "--full-res", *PAIR, "--methods", "exp", "--csv", "e.csv", "--report", "r.html"),
        *("-j", "1"),
    ),
    "adapt": ("adapt", *LARGE, "-o", "mine.safetensors", "--steps", "0", "-j", "1"),
    "train": (
        *("train", ",".join(LARGE), "--valid", ",".join(LARGE), "-o", "n.safetensors", "--steps"),
        *("1", "--decay", "1", "--dim", "16", "--window", "8", "--patch", "8", "--batch", "2"),
        *("--set", "training.warmup=1", "--device", "cpu", "-j", "1"),
    ),
}
BRIEF = {"sharpen": 13, "simulate": 19}
"""Commands of the brief test, and how many operations lie between two faults."""


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails file operations."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("faults are injected on Linux, by a library that a C compiler makes")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def inputs(scene_factory: SceneFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the commands read."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for size, prefix in ((64, ""), (128, "large-")):
        scene = scene_factory(size=size)
        for path in (scene.pan, scene.ms):
            shutil.copy(path, folder / f"{prefix}{path.name}")
    save_tiny(folder, tile=32, overlap=8)
    (folder / "old.tif").write_bytes(b"old")
    (folder / "old.tif.ovr").write_bytes(b"old")
    monkeypatch.chdir(folder)
    for index in (1, 2):
        words = ("sharpen", *PAIR, "-o", "o.tif", "--shard", f"{index}/2", *EXP, *TILES)
        assert ssdiff(*words).exit_code == 0
    return folder


def faults(shim: Path, inputs: Path, step: int, command: str) -> Iterator[dict[str, Any]]:
    """Yields what became of each fault."""
    if command == "shard":
        for name in SHARDS:
            (inputs / name).unlink()
    words = [sys.executable, "-m", "tests.faults.run", str(inputs), str(step), *COMMANDS[command]]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "models")])
    environment = {"LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    done = subprocess.run(
        words, env=os.environ | environment, cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        yield json.loads(line)


def problem(fault: dict[str, Any]) -> str | None:
    """Returns what is wrong after a fault."""
    code, again = fault["code"], fault["again"]
    codes = {-9} if fault["kind"] == "kill" else {0, 2, 5}
    lines = [line for line in fault["said"].splitlines() if "warning" not in line]
    goes_on = again == 0 or (again == 2 and "exists" in fault["said_again"])
    wrongs = {
        "an input was touched": not fault["inputs"],
        "it is no error of the disk": code not in codes,
        "an error is one line": code > 0 and len(lines) != 1,
        "half of the files are there": code > 0 and fault["set"] not in (0, fault["outputs"]),
        "the same command does not go on": not goes_on,
        f"other bytes or files at the end: {fault['left']}": not fault["same"],
    }
    return next((what for what, is_wrong in wrongs.items() if is_wrong), None)


def check(shim: Path, inputs: Path, step: int, command: str) -> None:
    found = [fault | {"problem": problem(fault)} for fault in faults(shim, inputs, step, command)]
    assert found
    wrong = [fault for fault in found if fault["problem"]]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("command", BRIEF)
def test_a_fault_now_and_then(command: str, shim: Path, inputs: Path) -> None:
    check(shim, inputs, BRIEF[command], command)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_at_every_operation(command: str, shim: Path, inputs: Path) -> None:
    check(shim, inputs, 1, command)
