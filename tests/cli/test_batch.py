"""``ssdiff batch``: a line a pair, failures that stop nobody, runs that go on where they ended."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import rasterio
from typer.testing import Result

from ssdiff_models import checkpoint
from ssdiff_models.checkpoint import load_checkpoint
from tests.cli.calls import refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=64)


def lines(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def csv(folder: Path, *rows: str, header: str = "pan,ms,out") -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_one_failure_stops_nobody_and_the_second_run_does_only_what_is_left(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    outputs = [tmp_path / f"{number}.tif" for number in range(3)]
    missing = tmp_path / "missing.tif"
    pans = (scene.pan, missing, scene.pan)
    pairs = csv(
        tmp_path, *(f"{pan},{scene.ms},{out}" for pan, out in zip(pans, outputs, strict=True))
    )

    first = ssdiff("batch", pairs, "--model", tiny)
    assert first.exit_code == 1
    assert [line["status"] for line in lines(first)] == ["done", "failed", "done"]
    assert [line["output"] for line in lines(first)] == [str(path) for path in outputs]
    done, failed, _ = lines(first)
    assert (done["pan"], done["ms"], done["width"], done["model"]) == (
        str(scene.pan),
        str(scene.ms),
        64,
        "tiny",
    )
    assert failed["exit_code"] == 3
    assert str(missing) in failed["error"]
    assert [path.exists() for path in outputs] == [True, False, True]

    before = [outputs[i].stat().st_mtime_ns for i in (0, 2)]
    missing.write_bytes(scene.pan.read_bytes())
    second = ssdiff("batch", pairs, "--model", tiny)
    assert second.exit_code == 0
    assert [line["status"] for line in lines(second)] == ["skipped", "done", "skipped"]
    assert [outputs[i].stat().st_mtime_ns for i in (0, 2)] == before

    third = ssdiff("batch", pairs, "--model", tiny, "--overwrite")
    assert [line["status"] for line in lines(third)] == ["done"] * 3


def test_json_lines_from_stdin_with_settings_of_their_own(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    entries = [
        {
            "pan": str(scene.pan),
            "ms": str(scene.ms),
            "out": str(tmp_path / "a.tif"),
            "sensor": "qb",
            "seed": 5,
        },
        {
            "pan": str(scene.pan),
            "ms": str(scene.ms),
            "out": str(tmp_path / "b.tif"),
            "dtype": "float32",
        },
    ]
    text = "\n\n".join(json.dumps(entry) for entry in entries)
    done = ssdiff("batch", "-", "--model", tiny, text=text)
    assert done.exit_code == 0, done.output
    first, second = lines(done)
    assert (first["seed"], first["consistency"], first["dtype"]) == (5, 0, "uint16")
    assert (second["seed"], second["consistency"], second["dtype"]) == (0, 0, "float32")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.tags(ns="SSDIFF")["SENSOR"] == "qb"


def test_statistics_that_a_pairs_method_has_no_use_for_are_its_failure(
    scene: Scene, tmp_path: Path
) -> None:
    rows = (
        f"{scene.pan},{scene.ms},{tmp_path / name},gsa,{stats}"
        for name, stats in (("a.tif", "any.json"), ("b.tif", ""))
    )
    done = ssdiff("batch", csv(tmp_path, *rows, header="pan,ms,out,method,stats"))
    assert done.exit_code == 1
    assert [line["status"] for line in lines(done)] == ["failed", "done"]
    assert "--method gsa has no use for --stats" in lines(done)[0]["error"]


def test_the_output_is_that_of_sharpen(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    alone, listed = tmp_path / "alone.tif", tmp_path / "listed.tif"
    assert ssdiff("sharpen", scene.pan, scene.ms, "-o", alone, "--model", tiny).exit_code == 0
    assert (
        ssdiff(
            "batch", csv(tmp_path, f"{scene.pan},{scene.ms},{listed}"), "--model", tiny
        ).exit_code
        == 0
    )
    assert alone.read_bytes() == listed.read_bytes()


def test_a_model_is_loaded_once(
    scene: Scene, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(path: Path) -> checkpoint.Checkpoint:
        loaded.append(path)
        return load_checkpoint(path)

    monkeypatch.setattr(checkpoint, "load_checkpoint", load)
    pair = f"{scene.pan},{scene.ms}"
    pairs = csv(tmp_path, f"{pair},{tmp_path / 'one.tif'}", f"{pair},{tmp_path / 'two.tif'}")
    assert ssdiff("batch", pairs, "--model", tiny).exit_code == 0
    assert loaded == [tiny]


def test_a_file_that_is_no_output_is_neither_skipped_nor_replaced(
    scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.tif"
    for content in (scene.pan.read_bytes(), b"half a fi"):
        output.write_bytes(content)
        done = ssdiff("batch", csv(tmp_path, f"{scene.pan},{scene.ms},{output}"), "--model", tiny)
        (line,) = lines(done)
        assert (done.exit_code, line["status"], line["exit_code"]) == (1, "failed", 2)
        assert "--overwrite" in line["error"]
        assert output.read_bytes() == content


def test_warnings_belong_to_their_pair(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    with rasterio.open(scene.ms) as file:
        profile, pixels = file.profile, file.read()
    extra = tmp_path / "six.tif"
    with rasterio.open(extra, "w", **{**profile, "count": 6}) as file:
        file.write(pixels[[0, 1, 2, 3, 2, 1]])
    rows = (
        f"{scene.pan},{ms},{tmp_path / name}"
        for ms, name in ((extra, "a.tif"), (scene.ms, "b.tif"))
    )
    six, four = lines(ssdiff("batch", csv(tmp_path, *rows), "--model", tiny))
    assert any("6" in warning and "bands" in warning for warning in six["warnings"])
    assert four["warnings"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no pair"),
        ("pan,ms,out\n", "lists no pair"),
        ("pan,ms\na.tif,b.tif\n", "line 2: has no out"),
        ("pan,ms,out\na.tif,b.tif,c.tif,d.tif\n", "line 2: not as many cells"),
        ("pan,ms,out,colour\na.tif,b.tif,c.tif,red\n", "'colour' is no known field"),
        ("pan,ms,out,steps\na.tif,b.tif,c.tif,many\n", "steps is 'many'"),
        ("pan,ms,out,steps\na.tif,b.tif,c.tif,0\n", "steps is '0'"),
        ("pan,ms,out\na.tif,b.tif,c.tif\na.tif,b.tif,./c.tif\n", "./c.tif is written twice"),
        ('{"pan": "a.tif", "ms": "b.tif"\n', "line 1: not JSON"),
        ('{"pan": "a.tif", "ms": "b.tif", "out": 7}\n', "out is 7"),
        ('{"pan": "a.tif", "ms": ["b.tif", 3], "out": "c.tif"}\n', "ms is 3"),
        ('{"pan": "a.tif", "ms": [], "out": "c.tif"}\n', "ms is None"),
        ("pan,ms,out,bidx\na.tif,b.tif,c.tif,red\n", "bidx is 'red': give a list, such as 3,2,1"),
        ('{"pan": "a", "ms": "b", "out": "c", "bbox": [1, 2]}\n', "bbox needs four numbers"),
        ("pan,ms,out,register\na.tif,b.tif,c.tif,yes\n", "register is 'yes'"),
        ('{"pan": "a.tif", "ms": "b.tif", "out": "c.tif"}\n["a.tif"]\n', "line 2: list"),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused_before_anything_runs(
    text: str, said: str
) -> None:
    done = ssdiff("batch", "-", text=text)
    assert said in refusal(done, 3)
    assert done.stdout == ""


def test_a_list_that_is_not_there() -> None:
    assert "nowhere.csv: cannot read the list" in refusal(ssdiff("batch", "nowhere.csv"), 3)


def test_a_byte_order_mark_and_spaces_do_no_harm(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    pairs = csv(
        tmp_path, f"{scene.pan}, {scene.ms}, {tmp_path / 'out.tif'}", header="\ufeffpan, ms, out"
    )
    (line,) = lines(ssdiff("batch", pairs, "--model", tiny))
    assert line["status"] == "done"


def test_blank_lines_in_a_list(scene: Scene, tmp_path: Path) -> None:
    pairs = csv(
        tmp_path, "", f"{scene.pan},{scene.ms},{tmp_path / 'a.tif'}", "", header="\n\npan,ms,out"
    )
    done = ssdiff("batch", pairs, "--method", "exp")
    assert [line["status"] for line in lines(done)] == ["done"], done.output
    short = csv(tmp_path, "", "one,two", header="\npan,ms,out")
    assert "line 4:" in refusal(ssdiff("batch", short, "--method", "exp"), 3)


def test_entries_say_how_their_pair_is_read(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=192)
    with rasterio.open(scene.pan) as file:
        left, bottom, right, top = file.bounds
    box = [left, bottom, (left + right) / 2, top]
    entry = {"pan": str(scene.pan), "ms": str(scene.ms), "method": "exp"}
    entries = [
        entry | {"out": str(tmp_path / "a.tif"), "bidx": [3, 1], "bbox": box},
        entry | {"out": str(tmp_path / "b.tif"), "register": "global", "bidx": "2"},
        entry
        | {"out": str(tmp_path / "c.tif"), "ms": [f"{scene.ms},band=4", f"{scene.ms},band=2"]},
    ]
    text = "\n".join(map(json.dumps, entries))
    planned = lines(ssdiff("batch", "-", "--dry-run", text=text))
    assert [line["status"] for line in planned] == ["planned"] * 3
    assert [(line["width"], line["count"]) for line in planned] == [(96, 2), (192, 1), (192, 2)]
    assert not list(tmp_path.glob("*.tif"))
    done = lines(ssdiff("batch", "-", text=text))
    assert [line["status"] for line in done] == ["done"] * 3
    assert done[1]["shift"] is not None
    with rasterio.open(tmp_path / "c.tif") as file:
        assert file.descriptions == ("nir", "green")


def test_a_quicklook_an_entry(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=192)
    rows = [
        f"{scene.pan},{scene.ms},{tmp_path / name}.tif,exp,{tmp_path / name}.png" for name in "ab"
    ]
    (tmp_path / "b.png").write_text("mine")
    pairs = csv(tmp_path, *rows, header="pan,ms,out,method,quicklook")
    done, failed = lines(ssdiff("batch", pairs))
    assert (done["status"], failed["status"]) == ("done", "failed")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "b.png: exists" in failed["error"]
    assert not (tmp_path / "b.tif").exists()


def test_a_folder_of_pairs_and_products(scene: Scene, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "LC09_X").mkdir(parents=True)
    (place / "notes").mkdir()
    for name in ("a_PAN.tif", "b-p.TIF"):
        shutil.copy(scene.pan, place / name)
    for name in ("a_mul.tif", "b-ms.tif"):
        shutil.copy(scene.ms, place / name)
    shutil.copy(scene.pan, place / "LC09_X/LC09_L1TP_1_B8.TIF")
    for number in (2, 3):
        shutil.copy(scene.ms, place / f"LC09_X/LC09_L1TP_1_B{number}.TIF")
    made = tmp_path / "new" / "made"
    words = ("--method", "exp", "--output-dir", made)
    planned = lines(ssdiff("batch", place, *words, "--dry-run"))
    assert [line["status"] for line in planned] == ["planned"] * 3
    done = lines(ssdiff("batch", place, *words))
    assert [line["status"] for line in done] == ["done"] * 3
    names = ["LC09_X_sharp.tif", "a_PAN_sharp.tif", "b-p_sharp.tif"]
    assert sorted(path.name for path in made.glob("*.tif")) == names
    assert [line["count"] for line in done] == [8, 4, 4]
    again = lines(ssdiff("batch", f"{place}/*_PAN.tif", *words))
    assert [line["status"] for line in again] == ["skipped"]


def test_a_place_without_pairs_is_refused(scene: Scene, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    words = ("--output-dir", tmp_path / "made")
    assert "needs --output-dir" in refusal(ssdiff("batch", place), 2)
    assert "holds no product and no PAN" in refusal(ssdiff("batch", place, *words), 3)
    shutil.copy(scene.pan, place / "x_pan.tif")
    line = refusal(ssdiff("batch", place, *words), 3)
    assert "no MS lies beside it, such as x_ms.tif" in line
    pairs = csv(tmp_path, f"{scene.pan},{scene.ms},{tmp_path}/o.tif")
    assert "leave --output-dir out" in refusal(ssdiff("batch", pairs, *words), 2)
    assert not (tmp_path / "made").exists()
