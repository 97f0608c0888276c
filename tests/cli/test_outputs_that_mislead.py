"""An output is what its name and its report say."""

import json
from pathlib import Path

import pytest
import rasterio
from rasterio.crs import CRS

from tests.cli.calls import ssdiff
from tests.cli.sharpening import done, refused, rewrite
from tests.scenes import Scene, SceneFactory

ROTATED = (
    "+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 "
    "+to_meter=0.0174532925199433"
)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory()


@pytest.mark.parametrize("ending", ["png", "jp2", "JPG", "img", "vrt", "nc", "ntf", "jpx", "h5"])
def test_the_ending_of_another_format_is_refused(scene: Scene, ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"out.{ending}"
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "-o", out)
    assert "let its name end in .tif" in refused(ssdiff(*words), 2)
    assert not out.exists()
    assert "let its name end in .tif" in refused(ssdiff("merge", scene.pan, "-o", out), 2)


@pytest.mark.parametrize("name", ["out.tif", "out.TIFF", "out", "v1.2", "out.gtiff"])
def test_any_other_name_is_a_tiff(scene: Scene, name: str, tmp_path: Path) -> None:
    words = ("sharpen", scene.pan, scene.ms, "--method", "exp", "-o", tmp_path / name)
    done(ssdiff(*words))


@pytest.mark.parametrize("form", ["GTiff", "COG"])
@pytest.mark.parametrize(
    "crs", [ROTATED, "EPSG:32631+5773", "EPSG:4979", "OGC:CRS84", "+proj=moll +lon_0=10"]
)
def test_a_crs_is_kept_or_its_loss_told(scene: Scene, crs: str, form: str, tmp_path: Path) -> None:
    whole = CRS.from_user_input(crs)
    pan, ms = (
        _with_crs(path, tmp_path / f"{path.stem}-crs.tif", whole) for path in (scene.pan, scene.ms)
    )
    out = tmp_path / "out.tif"
    result = ssdiff("sharpen", pan, ms, "--method", "exp", "-o", out, "-f", form, "--json")
    assert result.exit_code == 0, result.output
    with rasterio.open(out) as file:
        stored = file.crs
    assert json.loads(result.stdout)["crs"] == (stored.to_string() if stored else None)
    told = "a GeoTIFF cannot hold its CRS" in result.stderr
    assert told == (crs == ROTATED)


def _with_crs(source: Path, target: Path, crs: CRS) -> Path:
    """Copies a raster; its side-car has the CRS, whole."""
    rewrite(source, target, crs=None, photometric="minisblack", alpha="no")
    Path(f"{target}.aux.xml").write_text(
        f"<PAMDataset><SRS>{crs.to_wkt(version='WKT2_2019').replace('<', '&lt;')}</SRS></PAMDataset>"
    )
    return target
