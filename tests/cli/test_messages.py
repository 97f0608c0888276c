"""What is printed fits any terminal and forges nothing; what cannot be printed loses no run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssdiff_cli import console
from ssdiff_cli.exit_codes import explain
from tests.cli.calls import ssdiff
from tests.scenes import Scene, SceneFactory

EVIL = "\x1b[2J\x1b]0;title\x07\u202epan\nssdiff: done.tif"


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory()


def started(
    *words: str | Path, stderr: int = subprocess.PIPE, **environment: str
) -> tuple[int, bytes, bytes]:
    """Runs a command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ssdiff_cli", *(os.fspath(word) for word in words)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr or b""


def test_names_cannot_move_the_cursor_or_forge_a_line(scene: Scene, tmp_path: Path) -> None:
    evil = tmp_path / EVIL
    evil.write_bytes(scene.pan.read_bytes())
    for words in (
        ("sharpen", f"{evil}x", scene.ms, "-o", tmp_path / "o.tif"),
        ("sharpen", evil, scene.ms, "-o", tmp_path / f"{EVIL}.tif", "--method", "exp"),
        ("check", evil, scene.ms, "--method", "exp"),
        ("check", evil, scene.ms, "--method", "exp", "--json"),
        ("eval", "--full-res", evil, scene.ms, "--methods", "exp"),
    ):
        result = ssdiff(*words)
        for text in (result.stdout, result.stderr):
            assert not {"\x1b", "\x07", "\u202e"} & set(text)
            assert "\nssdiff: done" not in text


def test_names_that_stdout_lacks_are_escaped(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "Zürich.tif"
    pairs = tmp_path / "pairs.csv"
    second = tmp_path / "second.tif"
    pairs.write_text(f"pan,ms,out\n{scene.pan},{scene.ms},{out}\n{scene.pan},{scene.ms},{second}\n")
    words = ("batch", pairs, "--method", "exp", "-j", "1")
    code, stdout, _ = started(*words, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert code == 0
    assert out.exists()
    names = [json.loads(line)["output"] for line in stdout.decode("ascii").splitlines()]
    assert names == [str(out), str(second)]
    strange = tmp_path / os.fsdecode(b"o\xff.tif")
    one = ("sharpen", scene.pan, scene.ms, "-o", strange, "--method", "exp", "-j", "1")
    code, stdout, _ = started(*one, PYTHONIOENCODING="utf-8:strict")
    assert code in {0, 2}
    assert code or strange.exists()


def test_a_log_on_a_full_disk_loses_no_run(scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    with Path("/dev/full").open("wb") as full:
        words = ("sharpen", "-v", scene.pan, scene.ms, "-o", out, "--method", "exp", "-j", "1")
        code, *_ = started(*words, stderr=full.fileno())
        assert (code, out.exists()) == (0, True)
        code, *_ = started("check", scene.pan, tmp_path / "nothing.tif", stderr=full.fileno())
        assert code == 3


def test_an_entry_with_an_impossible_name_stops_nobody(scene: Scene, tmp_path: Path) -> None:
    good = {"pan": str(scene.pan), "ms": str(scene.ms), "method": "exp"}
    entries = [
        good | {"pan": "p\ud800.tif", "out": str(tmp_path / "a.tif")},
        good | {"out": "x\0.tif"},
        good | {"out": str(tmp_path / ("x" * 300 + ".tif"))},
        good | {"out": str(tmp_path / "good.tif")},
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    result = ssdiff("batch", pairs, "-j", 1)
    assert result.exit_code == 1
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["status"] for one in outcomes] == ["failed"] * 3 + ["done"]
    assert all(one["exit_code"] in {2, 3, 5} for one in outcomes[:3])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lists_of_spreadsheets(scene: Scene, tmp_path: Path, delimiter: str) -> None:
    pairs = tmp_path / "pairs.csv"
    row = (scene.pan, scene.ms, tmp_path / "o.tif", "exp")
    lines = (("pan", "ms", "out", "method"), map(str, row))
    pairs.write_text("".join(delimiter.join(line) + "\n" for line in lines))
    assert json.loads(ssdiff("batch", pairs, "-j", 1).stdout)["status"] == "done"


@pytest.mark.parametrize("number", range(1, 40))
def test_what_the_system_says_is_no_bug(number: int) -> None:
    code, line = explain(OSError(number, os.strerror(number), "some/file.tif"))
    assert code == 5
    assert line.startswith("some/file.tif: ")


@pytest.mark.parametrize("text", ["a\tb", "tab\r", "\u2028", "\x9b31m", "\ud800", "\x7f"])
def test_controls_are_escaped(text: str) -> None:
    assert console.printable(text).isprintable()


def test_letters_stay() -> None:
    assert console.printable("Zürich 東京 – 10 µm ✓") == "Zürich 東京 – 10 µm ✓"


def test_a_domain_that_is_no_list_of_names_is_left_out(scene: Scene, tmp_path: Path) -> None:
    text = '<PAMDataset><Metadata domain="xml:NOTE"><note>no sign</note></Metadata></PAMDataset>'
    Path(f"{scene.ms}.aux.xml").write_text(text)
    words = ("sharpen", scene.pan, scene.ms, "-o", tmp_path / "o.tif", "--method", "exp")
    assert ssdiff(*words).exit_code == 0
