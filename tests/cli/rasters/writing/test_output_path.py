"""No output may be a file that its run reads or works with, however it is named."""

import re
import shutil
import zipfile
from pathlib import Path

import pytest
import rasterio
import rasterio.shutil

from tests.cli.calls import refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

EXP = ("--method", "exp", "-j", 1, "-q")


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=64)


def contents(folder: Path) -> dict[str, bytes]:
    """Returns every file of a folder and its folders."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(folder: Path, *words: str | Path | int) -> str:
    """Returns the refusal of a command that leaves the whole folder as it was."""
    before = contents(folder)
    line = refusal(ssdiff(*words), 2)
    assert contents(folder) == before
    return line


def sharpened(scene: Scene, output: Path, *words: str | Path | int) -> tuple[str | Path | int, ...]:
    return ("sharpen", scene.pan, scene.ms, "-o", output, "--overwrite", *EXP, *words)


def test_a_source_of_a_vrt_is_an_input(scene: Scene, tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer.vrt", tmp_path / "inner.vrt"
    rasterio.shutil.copy(scene.ms, inner, driver="VRT")
    text = inner.read_text()
    source = re.search('<SourceFilename relativeToVRT="1">(.*)</SourceFilename>', text)
    assert source is not None
    outer.write_text(text.replace(source[1], inner.name))
    for read in (inner, outer):
        words = ("sharpen", scene.pan, read, "-o", scene.ms, "--overwrite", *EXP)
        line = refused(tmp_path, *words)
        assert f"{scene.ms}: is also an input (of {read}); choose another output" in line


def test_the_archive_of_an_input_is_an_input(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("x.zip", "w") as file:
        file.write(scene.pan, "a/pan.tif")
    for name in ("/vsizip/x.zip/a/pan.tif", f"/vsizip/{{{tmp_path}/x.zip}}/a/pan.tif"):
        words = ("sharpen", name, scene.ms, "-o", "x.zip", "--overwrite", *EXP)
        assert "x.zip: is also an input" in refused(tmp_path, *words)


def test_what_is_read_besides_the_pair_is_an_input(scene: Scene, tmp_path: Path) -> None:
    model = save_tiny(tmp_path)
    stats = tmp_path / "stats.json"
    stats.write_text("{}")
    like = Path(shutil.copy(scene.pan, tmp_path / "like.tif"))
    for option, path in (("--like", like), ("--aoi", stats), ("--rpc-dem", like)):
        assert "is also an input" in refused(tmp_path, *sharpened(scene, path, option, path))
    network = ("sharpen", scene.pan, scene.ms, "--overwrite", "--model", model, "--samples", 2)
    for words in (
        ("-o", model),
        ("-o", stats, "--stats", stats),
        ("-o", tmp_path / "out.tif", "--stats", stats, "--uncertainty", stats),
        ("-o", tmp_path / "out.tif", "--uncertainty", model),
    ):
        assert "is also an input" in refused(tmp_path, *network, *words)


def test_every_command_spares_its_inputs(scene: Scene, tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text("")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"pan,ms,out\n{scene.pan},{scene.ms},{pairs}\n")
    commands: list[tuple[str | Path | int, ...]] = [
        ("eval", "--full-res", scene.pan, scene.ms, "--methods", "exp", "--csv", scene.ms),
        ("eval", "--full-res", scene.pan, scene.ms, "--methods", "exp", "--report", scene.pan),
        ("adapt", scene.pan, scene.ms, "-o", scene.ms),
        ("merge", scene.pan, "-o", scene.pan),
        ("models", "import", scene.pan, "-o", scene.pan),
        ("train", f"{scene.pan},{scene.ms}", "-o", tmp_path / "a.safetensors", "--cache", scene.ms),
        ("train", "--config", settings, "-o", settings.with_suffix(".safetensors")),
    ]
    for words in commands:
        assert "is also an input" in refused(tmp_path, *words, "--overwrite")
    done = ssdiff("batch", pairs, *EXP, "--overwrite")
    assert done.exit_code == 1
    assert "is also an input" in done.stderr
    assert pairs.read_text().startswith("pan,ms,out")


def test_no_pair_of_a_batch_replaces_an_input_of_another(scene: Scene, tmp_path: Path) -> None:
    other = Path(shutil.copy(scene.ms, tmp_path / "other.tif"))
    pairs = tmp_path / "pairs.csv"
    rows = (f"{scene.pan},{scene.ms},{other}", f"{scene.pan},{other},{tmp_path / 'out.tif'}")
    pairs.write_text("\n".join(("pan,ms,out", *rows)))
    done = ssdiff("batch", pairs, *EXP, "--overwrite")
    assert f"{other}: is also an input" in done.stderr
    assert other.read_bytes() == scene.ms.read_bytes()
    assert (tmp_path / "out.tif").exists()


def test_shipped_models_are_no_outputs(scene: Scene, tmp_path: Path) -> None:
    from ssdiff_models.zoo import locate

    linked = tmp_path / "mine.safetensors"
    linked.hardlink_to(locate("bgrn"))
    words = ("adapt", scene.pan, scene.ms, "-o", linked, "--steps", 0, "--overwrite")
    assert "is also an input" in refused(tmp_path, *words)


@pytest.mark.parametrize("ending", [".part", ".journal.json", ".set.json", ".lock"])
def test_our_own_working_names_are_no_outputs(ending: str, scene: Scene, tmp_path: Path) -> None:
    output = tmp_path / "a.tif"
    words = ("sharpen", scene.pan, scene.ms, "-o", output, "--samples", 2, "--uncertainty")
    line = refused(tmp_path, *words, f"{output}{ending}", "--overwrite")
    assert f"{output}{ending}: is also a working file of {output}" in line
    pairs = tmp_path / "pairs.csv"
    rows = (f"{scene.pan},{scene.ms},{output}{ending}", f"{scene.pan},{scene.ms},{output}")
    pairs.write_text("\n".join(("pan,ms,out", *rows)))
    assert "also a working file of another output" in refusal(ssdiff("batch", pairs, *EXP), 3)


def test_an_input_that_has_a_working_name_is_spared(scene: Scene, tmp_path: Path) -> None:
    download = shutil.copy(scene.pan, tmp_path / "pan.tif.part")
    words = ("sharpen", download, scene.ms, "-o", tmp_path / "pan.tif", "--overwrite", *EXP)
    assert "its own pan.tif.part is also an input" in refused(tmp_path, *words)


def test_a_link_is_no_output(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "target.tif").write_bytes(b"mine")
    for name in ("target.tif", "nowhere.tif"):
        link = tmp_path / "link.tif"
        link.symlink_to(tmp_path / name)
        line = refused(tmp_path, *sharpened(scene, link))
        assert f"{link}: is a link to {tmp_path / name}; name that file itself" in line
        link.unlink()


ON_NAME = ("sharp.tif.ovr", "sharp.tif.msk", "sharp.tif.msk.ovr", "sharp.tif.aux.xml")
ON_STEM = ("sharp.tfw", "sharp.RPB", "sharp_RPC.TXT", "sharp.IMD")


@pytest.mark.parametrize("form", ["GTiff", "COG"])
def test_side_cars_go_with_the_file_that_is_replaced(
    form: str, scene: Scene, tmp_path: Path
) -> None:
    output = tmp_path / "sharp.tif"
    for name in ("sharp.tif", "sharp.jpg", *ON_NAME, *ON_STEM):
        (tmp_path / name).write_text("old")
    assert ssdiff(*sharpened(scene, output, "-f", form)).exit_code == 0
    left = {path.name for path in tmp_path.glob("sharp*")}
    assert left == {"sharp.tif", "sharp.jpg"}


@pytest.mark.parametrize("name", [*ON_NAME, *ON_STEM])
def test_a_side_car_without_its_file_is_never_inherited(
    name: str, scene: Scene, tmp_path: Path
) -> None:
    output = tmp_path / "sharp.tif"
    (tmp_path / name).write_text("of another")
    plain = ("sharpen", scene.pan, scene.ms, "-o", output, *EXP)
    assert f"{tmp_path / name}: exists and would be read as a part of" in refused(tmp_path, *plain)
    if name in ON_STEM:
        line = refused(tmp_path, *plain, "--overwrite")
        assert "move it or choose another output" in line
    else:
        assert ssdiff(*plain, "--overwrite").exit_code == 0
        assert not (tmp_path / name).exists()
