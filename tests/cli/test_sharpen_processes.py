"""``ssdiff sharpen`` as a process of its own that runs out of disk or is interrupted."""

import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.sharpening import nothing_left
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=96)


def start(
    scene: Scene, output: Path, *options: str | Path, limit: int | None = None
) -> "subprocess.Popen[str]":
    """Starts the command as a process of its own."""
    command = [
        sys.executable,
        "-m",
        "ssdiff_cli",
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        output,
        "-j",
        "1",
        *options,
    ]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'models'}", "OMP_NUM_THREADS": "1"},
        preexec_fn=partial(_prepare, limit),  # noqa: PLW1509
    )


def _prepare(limit: int | None) -> None:
    """What a terminal gives a process: background jobs of a shell ignore interrupts, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def test_a_full_disk(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    # A limit on the size of files stands for it: the write fails in the same place.
    process = start(scene, tmp_path / "out.tif", "--model", tiny, limit=20_000)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 5, stderr
    assert stdout == ""
    (line,) = stderr.splitlines()
    assert "out.tif" in line
    assert "make room" in line
    assert nothing_left(tmp_path)


def test_an_interrupted_run(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    process = start(scene, tmp_path / "out.tif", "--model", tiny, "--steps", "1000")
    deadline = time.monotonic() + 120
    while (
        not (tmp_path / "out.tif.part").exists()
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    # The tiles at work have 1000 steps before them.
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert [line for line in stderr.splitlines() if line] == ["ssdiff: interrupted"]
    assert nothing_left(tmp_path)
