"""Rasters on a web server, through ``/vsicurl/``: paths are GDAL's."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "GDAL_HTTP_PROXY")


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=128)


@pytest.fixture
def address(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the scene's folder is served."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    # A process of its own: GDAL waits for the answer while it holds the interpreter.
    command = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
        "--directory",
        str(scene.pan.parent),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        told = re.search(r"port (\d+)", server.stdout.readline())
        try:
            if told is None:
                pytest.skip("a web server cannot listen on this machine: no sockets here")
            yield f"/vsicurl/http://127.0.0.1:{told[1]}"
        finally:
            server.kill()


def test_a_pair_on_a_web_server_gives_the_pixels_of_the_local_one(
    scene: Scene, address: str, tmp_path: Path
) -> None:
    model = save_tiny(tmp_path)
    answer("sharpen", scene.pan, scene.ms, "-o", tmp_path / "local.tif", "--model", model)
    report = answer(
        "sharpen",
        f"{address}/pan.tif",
        f"{address}/ms.tif",
        "-o",
        tmp_path / "remote.tif",
        "--model",
        model,
    )
    assert report["warnings"] == []
    with (
        rasterio.open(tmp_path / "local.tif") as local,
        rasterio.open(tmp_path / "remote.tif") as remote,
    ):
        assert np.array_equal(local.read(), remote.read())
        assert remote.tags(ns="SSDIFF")["PAN"] == "pan.tif"


def test_what_the_server_does_not_have_is_named(address: str, tmp_path: Path) -> None:
    done = ssdiff(
        "sharpen",
        f"{address}/none.tif",
        f"{address}/ms.tif",
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
    )
    assert "none.tif" in refusal(done, 3)


def test_a_stac_item_on_a_web_server_leads_to_its_files(
    scene: Scene, address: str, tmp_path: Path
) -> None:
    bands = [{"name": name, "common_name": name} for name in ("blue", "green", "red", "nir")]
    assets = {
        "ms": {"href": "ms.tif", "eo:bands": bands},
        "pan": {"href": "pan.tif", "eo:bands": [{"name": "p", "common_name": "pan"}]},
    }
    (scene.pan.parent / "item.json").write_text(json.dumps({"assets": assets}))
    item = f"{address.removeprefix('/vsicurl/')}/item.json"
    answer("sharpen", "--method", "gsa", item, "-o", tmp_path / "far.tif")
    answer("sharpen", "--method", "gsa", scene.pan, scene.ms, "-o", tmp_path / "near.tif")
    with rasterio.open(tmp_path / "far.tif") as far, rasterio.open(tmp_path / "near.tif") as near:
        assert np.array_equal(far.read(), near.read())
        assert far.descriptions == near.descriptions
    assert "cannot be read" in refusal(ssdiff("check", f"{item}.gone.json"), 3)
