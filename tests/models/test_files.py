"""Files get their names complete, alone or together, and nobody else's file is touched."""

import errno
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ssdiff_models.errors import UsageError
from ssdiff_models.files import atomic, atomic_set, finish_naming, sweep
from ssdiff_models.locks import locked
from tests.kills import KILLED, dying


def test_the_file_is_there_only_once_the_body_is_done(tmp_path: Path) -> None:
    target = tmp_path / "model.json"
    with atomic(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "model.json"
    target.write_text("old")

    def write() -> None:
        with atomic(target) as part:
            part.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_no_link_is_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("mine")
    for name in ("out.txt.part", "out.txt.journal.json", "out.txt"):
        (tmp_path / name).symlink_to(other)
    with atomic(tmp_path / "out.txt") as part:
        part.write_text("yours")
    assert other.read_text() == "mine"
    assert (tmp_path / "out.txt").read_text() == "yours"


def test_nobody_else_may_write_where_the_file_grows(tmp_path: Path) -> None:
    with atomic(tmp_path / "out.txt") as first, atomic(tmp_path / "out.txt") as second:
        assert first.parent != second.parent
        assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700


def three(folder: Path) -> list[Path]:
    return [folder / name for name in ("a.txt", "b.txt", "c.txt")]


def write_set(paths: list[Path], text: str) -> None:
    with atomic_set(paths) as parts:
        for part in parts:
            part.write_text(text)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("old", ["", "old"])
def test_a_set_that_cannot_be_named_stays_as_it_was(
    number: int, old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = three(tmp_path)
    for path in paths[:2] if old else []:
        path.write_text(old)
    before = sorted(tmp_path.iterdir())
    rename = Path.replace
    with monkeypatch.context() as patch:

        def fails(path: Path, target: Path) -> Path:
            if target == paths[number] and path.name != "old":
                raise OSError(errno.EIO, "broken")
            return rename(path, target)

        patch.setattr(Path, "replace", fails)
        with pytest.raises(OSError, match="broken"):
            write_set(paths, "new")
    assert sorted(tmp_path.iterdir()) == before
    assert [path.read_text() for path in before] == [old] * len(before)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_set_whose_process_is_killed_between_two_names_is_completed(
    number: int, tmp_path: Path
) -> None:
    paths = three(tmp_path)
    arguments = (paths[number], write_set, paths, "new")
    process = multiprocessing.get_context("fork").Process(target=dying, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == KILLED
    assert [path.exists() for path in paths] == [index < number for index in range(3)]
    assert finish_naming(paths)
    for path in paths:
        sweep(path)
    assert [path.read_text() for path in paths] == ["new"] * 3
    assert sorted(tmp_path.iterdir()) == paths


@pytest.mark.parametrize(
    "text",
    ["mine", "[" * 100_000, '{"ssdiff": [["x", "a.txt"]]}', '{"ssdiff": [["../x/y", "a.txt"]]}'],
)
def test_a_note_that_is_not_ours_renames_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    note = tmp_path / "a.txt.set.json"
    note.write_text(text)
    with pytest.raises(UsageError, match="is no file of ssdiff"):
        finish_naming([tmp_path / "a.txt"])
    with pytest.raises(UsageError, match="is no file of ssdiff"):
        write_set(three(tmp_path), "new")
    assert note.read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt.set.json", "x"]


def test_a_lock_keeps_others_out_and_goes(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    with (
        locked(output),
        pytest.raises(UsageError, match="another run is writing it"),
        locked(output),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["link", "hard link", "folder", "pipe"])
def test_what_has_the_name_of_a_lock_and_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    lock, other = tmp_path / "out.txt.lock", tmp_path / "other"
    other.write_text("mine")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: lock.symlink_to(other),
        "hard link": lambda: lock.hardlink_to(other),
        "folder": lock.mkdir,
        "pipe": lambda: os.mkfifo(lock),
    }
    make[kind]()
    with (
        pytest.raises(UsageError, match="exists and is no file of ssdiff"),
        locked(tmp_path / "out.txt"),
    ):
        pass
    assert os.path.lexists(lock)
    assert other.read_text() == "mine"


def test_the_file_is_as_readable_as_any_new_one(tmp_path: Path) -> None:
    with atomic(tmp_path / "out.txt") as part:
        part.unlink()
        part.touch(0o600)
    (tmp_path / "plain.txt").touch()
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "none" / "out.txt"):
        pass
