"""``ssdiff sensors``, ``methods`` and ``--show-versions``; completion; GDAL's settings; threads and formats as people write them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rasterio
import torch

from ssdiff_cli import console
from ssdiff_cli.options.names import complete_method, complete_model, complete_sensor
from ssdiff_models import __version__
from ssdiff_models.classical import METHODS
from ssdiff_models.scene.sensors import SENSORS
from ssdiff_models.zoo import shipped
from tests.cli.calls import answer, refusal, ssdiff
from tests.cli.sharpening import done
from tests.scenes import Scene, SceneFactory


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=64)


def test_sensors() -> None:
    found = answer("sensors")["sensors"]
    assert [one["name"] for one in found] == [sensor.name for sensor in SENSORS]
    assert (found[0]["bands"], found[0]["ratio"]) == (["blue", "green", "red", "nir"], 4)
    lines = ssdiff("sensors").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [sensor.name for sensor in SENSORS]


def test_methods() -> None:
    found = answer("methods")["methods"]
    assert {one["name"] for one in found} == {"ssdiff", *METHODS}
    for one in found:
        assert one["speed"] > 0
        assert one["family"]
        assert any(character.isdigit() for character in one["reference"])
    assert len(ssdiff("methods").stdout.splitlines()) == len(METHODS) + 2


def test_versions() -> None:
    text = ssdiff("--show-versions").stdout
    versions = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert versions["ssdiff"] == __version__
    assert versions["torch"] == torch.__version__
    assert versions["GDAL"] == rasterio.__gdal_version__
    assert {"Python", "CUDA", "PROJ", "rasterio", "numpy", "system"} <= set(versions)


def test_names_are_completed() -> None:
    assert complete_sensor("wv") == ["wv2", "wv3", "wv4"]
    assert complete_method("MTF-GLP-H") == ["mtf-glp-hpm", "mtf-glp-hpm-h", "mtf-glp-hpm-r"]
    assert complete_model("") == sorted(entry.name for entry in shipped())
    words = "ssdiff sharpen --sensor wv"
    shell = {"_SSDIFF_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    told = subprocess.run(
        [sys.executable, "-c", "from ssdiff_cli.app import app; app(prog_name='ssdiff')"],
        env=os.environ | shell,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.split() == ["wv2", "wv3", "wv4"]


def test_gdal_is_set_for_the_run(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the command sets is taken back after the test.
    monkeypatch.setenv("GTIFF_REPORT_COMPD_CS", "NO")
    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "FALSE")
    monkeypatch.delenv("GDAL_DISABLE_READDIR_ON_OPEN", raising=False)
    out = tmp_path / "out.tif"
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "-o", out)
    done(ssdiff(*words, "--config", "GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR"))
    assert os.environ["GDAL_DISABLE_READDIR_ON_OPEN"] == "EMPTY_DIR"
    done(ssdiff("--config", "GTIFF_REPORT_COMPD_CS=YES", *words, "--overwrite"))
    assert os.environ["GTIFF_REPORT_COMPD_CS"] == "YES"
    line = refusal(ssdiff(*words, "--config", "GDAL_CACHEMAX"), 2)
    assert "--config GDAL_CACHEMAX: give NAME=VALUE" in line
    monkeypatch.delenv("GDAL_DISABLE_READDIR_ON_OPEN")


def test_all_cpus_and_formats_in_any_case(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "-o", out)
    done(ssdiff(*words, "-j", "ALL_CPUS", "-f", "cog"))
    with rasterio.open(out) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    line = refusal(ssdiff(*words, "-j", "0"), 2)
    assert "0: give a number from 1, or ALL_CPUS" in line


def test_a_failure_with_json_is_one_object(scene: Scene, tmp_path: Path) -> None:
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "-o", tmp_path / "no" / "out.tif")
    assert ssdiff(*words).stdout == ""
    told = failure(*words, "--json")
    assert (told["ok"], told["exit_code"], told["warnings"]) == (False, 2, [])
    assert "there is no folder" in str(told["error"])
    assert failure("sharpen", scene.pan, "--no-such-option", "--json")["exit_code"] == 2
    assert failure("models", "show", "none", "--json")["exit_code"] == 4
    missed = ("eval", "--fused", scene.truth, "--reference", scene.truth, "--crop", "0", "--json")
    scored = ssdiff(*missed, "--fail-if", "sam<1")
    assert scored.exit_code == 6
    assert '"protocol"' in scored.stdout
    assert len(scored.stdout.splitlines()) == 1


def failure(*words: str | Path) -> dict[str, object]:
    """Runs a command that fails, and returns the one object on stdout."""
    result = ssdiff(*words)
    (line,) = result.stdout.splitlines()
    record: dict[str, object] = json.loads(line)
    assert record["exit_code"] == result.exit_code
    return record


def test_a_long_run_without_a_terminal_tells_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    with console.tile_progress("sharpening") as update:
        for part in range(1, 5):
            update(part, 8, part * 31_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "ssdiff: sharpening: 2 of 8 tiles (25%), 2.00 MP/s, about 93 s left",
        "ssdiff: sharpening: 4 of 8 tiles (50%), 2.00 MP/s, about 62 s left",
    ]
    console.adjust_verbosity(-1, 0)
    with console.tile_progress("sharpening") as update:
        update(1, 2, 3)
    assert capsys.readouterr().err == ""
