"""``ssdiff sharpen`` killed half-way and run again: the same bytes, and nothing mixed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.models.tiny import network
from tests.scenes import Scene, SceneFactory


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"), tile=64)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    """Three rows of the file's tiles high."""
    return scene_factory(size=640)


def kill_half_way(scene: Scene, output: Path, *options: str | Path) -> None:
    """Starts a run and kills it as soon as its journal tells of a finished row of tiles."""
    words = ["sharpen", scene.pan, scene.ms, "-o", output, "--num-threads", "1", *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "ssdiff_cli", *map(str, words)], env=environment
    ) as run:
        journal = Path(f"{output}.journal.json")
        while run.poll() is None and not (
            journal.exists() and '"tile_rows": 0' not in journal.read_text()
        ):
            time.sleep(0.01)
        assert run.poll() is None, "it ended before it could be killed"
        run.send_signal(signal.SIGKILL)
    assert not output.exists()


def test_a_killed_run_continues_and_ends_with_the_same_bytes(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole" / "out.tif", tmp_path / "broken" / "out.tif"
    for path in (whole, broken):
        path.parent.mkdir()
    common = "--model", tiny, "--sensor", "qb"
    answer("sharpen", scene.pan, scene.ms, "-o", whole, *common)
    kill_half_way(scene, broken, *common)

    other = save_tiny(tmp_path, tile=64, network=network(4, window=16))
    line = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, "-o", broken, "--model", other, "--sensor", "qb"), 2
    )
    assert "an unfinished run with other settings" in line
    assert "--model" in line
    line = refusal(ssdiff("sharpen", scene.pan, scene.ms, "-o", broken, *common, "--seed", 7), 2)
    assert "--seed" in line
    line = refusal(
        ssdiff("sharpen", scene.pan, scene.ms, "-o", broken, *common, "--consistency"), 2
    )
    assert "an unfinished run with other settings" in line

    answer("sharpen", scene.pan, scene.ms, "-o", broken, *common)
    assert broken.read_bytes() == whole.read_bytes()
    assert [path.name for path in broken.parent.iterdir()] == ["out.tif"]
