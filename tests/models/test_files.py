from pathlib import Path

import pytest

from ssdiff_models.files import atomic


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
    (tmp_path / "out.txt.part").symlink_to(other)
    (tmp_path / "out.txt").symlink_to(other)
    with atomic(tmp_path / "out.txt") as part:
        part.write_text("yours")
    assert other.read_text() == "mine"
    assert (tmp_path / "out.txt").read_text() == "yours"


def test_the_file_is_as_readable_as_any_new_one(tmp_path: Path) -> None:
    with atomic(tmp_path / "out.txt") as part:
        part.unlink()
        part.touch(0o600)
    (tmp_path / "plain.txt").touch()
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "none" / "out.txt"):
        pass
