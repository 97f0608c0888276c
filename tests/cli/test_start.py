"""What a command imports before, and besides, the work that it is asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenes import SceneFactory

HEAVY = ("torch", "matplotlib", "pyproj", "rich", "scipy", "shapely")
NETWORK = ("safetensors", "ssdiff_models.checkpoint", "ssdiff_models.nets")
CODE = """
import json, sys
from ssdiff_cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]))
"""


def run(*words: str) -> tuple[int, set[str]]:
    """Runs a command line; returns its exit code and the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    "words",
    [
        ("sharpen", "missing.tif", "ms.tif", "-o", "out.tif"),
        ("sharpen", "missing.tif", "ms.tif", "-o", "out.tif", "--method", "gsa"),
        ("merge", "missing.tif", "-o", "out.tif"),
    ],
    ids=" ".join,
)
def test_files_are_refused_without_waiting_for_torch(words: tuple[str, ...]) -> None:
    code, modules = run(*words)
    assert code != 0
    assert modules.isdisjoint({*HEAVY, *NETWORK})


def test_a_scene_is_simulated_without_torch(tmp_path: Path) -> None:
    code, modules = run("simulate", str(tmp_path / "scene"), "--size", "64")
    assert code == 0
    assert "rasterio" in modules
    assert modules.isdisjoint({*HEAVY, *NETWORK})


def test_a_classical_method_imports_no_network_and_no_map_projections(
    scene_factory: SceneFactory, tmp_path: Path
) -> None:
    scene = scene_factory(size=64, sensor="qb")
    pair = str(scene.pan), str(scene.ms)
    code, modules = run("sharpen", *pair, "-o", str(tmp_path / "out.tif"), "--method", "gsa")
    assert code == 0
    assert modules.isdisjoint({*HEAVY, *NETWORK} - {"torch"})
