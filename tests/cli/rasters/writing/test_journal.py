"""A killed run ends with the file of an undisturbed one."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing import journal
from ssdiff_cli.rasters.writing.sink import RasterSink, SinkOptions, open_sinks
from ssdiff_cli.rasters.writing.tiff_tiles import read_pages
from ssdiff_models.errors import UsageError
from tests.cli.rasters.fields import Rasters
from tests.cli.rasters.outputs import SMALL_TILES, make_pair, run

ROOT = Path(__file__).parents[4]
TILED = SinkOptions(creation=SMALL_TILES)
BLOCKS = 25
"""Blocks of 64 x 64 in 300 x 280 pixels."""


def killed_run(paths: tuple[str, str], output: Path, write: int) -> None:
    """Runs until the n-th write of the process, which dies in the middle of it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "models")])}
    command = [sys.executable, "-m", "tests.cli.rasters.outputs", *paths, str(output), str(write)]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()


@pytest.mark.parametrize("write", [1, 2, 16, 17, 18, 31, 47, 75])
def test_a_killed_run_continues_to_the_same_bytes(
    write: int, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output, whole = make_pair(rasters), tmp_path / "out.tif", tmp_path / "whole.tif"
    assert run(paths, str(whole), TILED) == BLOCKS
    killed_run(paths, output, write)
    assert not output.exists()
    rows_done = (write - 2) // 15 if write > 1 else 0
    # Three writes a tile and five tiles a row, after one for the template: all whole rows are kept.
    assert run(paths, str(output), TILED) == BLOCKS - 5 * rows_done
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ms.tif",
        "out.tif",
        "pan.tif",
        "whole.tif",
    ]


def interrupted(
    paths: tuple[str, str],
    output: Path,
    options: SinkOptions = TILED,
    blocks: int = 18,
    step: int = 64,
) -> None:
    """A run that ends by an exception after some blocks."""
    with pytest.raises(KeyboardInterrupt):
        run(paths, str(output), options, step=step, stop=(blocks, KeyboardInterrupt()))


def test_blocks_across_tile_rows_are_computed_again(rasters: Rasters, tmp_path: Path) -> None:
    paths, output, whole = make_pair(rasters), tmp_path / "out.tif", tmp_path / "whole.tif"
    run(paths, str(whole), TILED, step=48)
    interrupted(paths, output, blocks=30, step=48)
    # Rows 0..239 are whole after 30 of 42 blocks, so tile rows 0, 1 and 2; the block row over row 192 comes again.
    assert run(paths, str(output), TILED, step=48) == 6 * (7 - 192 // 48)
    assert output.read_bytes() == whole.read_bytes()


def test_other_settings_are_refused_with_the_way_out(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output, SinkOptions(creation=SMALL_TILES, key={"steps": "4", "seed": "0"}))
    with pytest.raises(UsageError) as caught:
        run(paths, str(output), SinkOptions(creation=SMALL_TILES, key={"steps": "5", "seed": "0"}))
    message = str(caught.value)
    assert "(steps)" in message
    assert "out.tif.part" in message
    assert "out.tif.journal.json" in message
    assert "--overwrite" in message
    with pytest.raises(UsageError, match="format of the output"):
        run(
            paths,
            str(output),
            SinkOptions(creation=SMALL_TILES, key={"steps": "4", "seed": "0"}, dtype="float32"),
        )
    assert (tmp_path / "out.tif.part").exists()
    blocks = run(
        paths,
        str(output),
        SinkOptions(creation=SMALL_TILES, key={"steps": "5", "seed": "0"}, overwrite=True),
    )
    assert blocks == BLOCKS


def test_changed_inputs_are_refused(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output)
    os.utime(paths[1], ns=(1, 1))
    with pytest.raises(UsageError, match=r"\(MS\)"):
        run(paths, str(output), TILED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "out.tif.part: exists and is no unfinished run of ssdiff"),
        ("[" * 100_000, "is no journal of ssdiff, or a damaged one"),
        ("{}", "is no journal of ssdiff, or a damaged one"),
        ('{"version": 3, "template": "x"}', "is no journal of ssdiff, or a damaged one"),
        ('{"version": 99}', "is of another version of ssdiff"),
        ('{"version": 1, "template": "x"}', "is of another version of ssdiff"),
    ],
)
def test_what_is_no_journal_of_ours_is_refused_and_stays(
    text: str, told: str, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output)
    part, journal = tmp_path / "out.tif.part", tmp_path / "out.tif.journal.json"
    before = part.read_bytes()
    journal.write_text(text)
    with pytest.raises(UsageError, match=told):
        run(paths, str(output), TILED)
    assert part.read_bytes() == before
    assert journal.read_text() == text
    assert run(paths, str(output), replace(TILED, overwrite=True)) == BLOCKS


def test_the_journal_tells_what_is_done(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output, SinkOptions(creation=SMALL_TILES, key={"model": "abc"}))
    journal = json.loads((tmp_path / "out.tif.journal.json").read_text())
    assert len(journal["sums"]) == 3
    assert journal["total"] == 5
    assert journal["settings"]["model"] == "abc"


@pytest.mark.parametrize(
    ("boot", "seconds", "rows"), [("another", 30.0, 0), ("another", 0.0, 3), (None, 30.0, 3)]
)
def test_after_a_crash_of_the_machine_only_what_was_on_the_disk_counts(
    boot: str | None,
    seconds: float,
    rows: int,
    rasters: Rasters,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths, output, whole = make_pair(rasters), tmp_path / "out.tif", tmp_path / "whole.tif"
    run(paths, str(whole), TILED)
    monkeypatch.setattr(journal, "SYNC_SECONDS", seconds)
    if boot is None:  # a system that does not tell: every row waits for the disk
        monkeypatch.setattr(journal, "current_boot", lambda: None)
    interrupted(paths, output)
    assert len(json.loads((tmp_path / "out.tif.journal.json").read_text())["sums"]) == 3
    monkeypatch.setattr(journal, "current_boot", lambda: boot)
    assert run(paths, str(output), TILED) == BLOCKS - 5 * rows
    assert output.read_bytes() == whole.read_bytes()


def test_what_an_earlier_run_left_is_waited_for_first(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output, blocks=8)
    assert json.loads((tmp_path / "out.tif.journal.json").read_text())["safe"] == 0
    interrupted(paths, output, blocks=6)
    journal = json.loads((tmp_path / "out.tif.journal.json").read_text())
    assert (journal["safe"], len(journal["sums"])) == (1, 2)


def test_two_runs_on_one_output_do_not_meet(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sinks({str(output): TILED}, pair) as (sink,),
    ):
        with pytest.raises(UsageError, match="another run is writing it"):
            run(paths, str(output), TILED)
        patch = pair.read(pair.area)
        sink.write(pair.area, np.stack([patch.pan] * 3), patch.valid)
    assert output.exists()


def swapped(data: bytes, tile: int) -> bytes:
    """Swaps the places that a file's directory has for a tile and the next one."""
    page = read_pages(data)[0]
    one, other = (page.offsets.place(index) for index in (tile, tile + 1))
    size = other - one
    parts = (data[:one], data[other : other + size], data[one:other], data[other + size :])
    return b"".join(parts)


def looped(data: bytes) -> bytes:
    """Lets the first directory of a classic TIFF be followed by itself."""
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    place = first + 2 + 12 * count
    return data[:place] + struct.pack("<I", first) + data[place + 4 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first page zeroed": lambda data: bytes(4096) + data[4096:],
    "zeros in the middle": lambda data: (
        data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :]
    ),
    "one bit of the pixels": lambda data: data[:-999] + bytes([data[-999] ^ 4]) + data[-998:],
    "one bit of the header": lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:],
    "truncated": lambda data: data[: len(data) // 2],
    "truncated in the head": lambda data: data[:100],
    "two tiles change places": lambda data: swapped(data, 6),
    "a tile that is another one": lambda data: swapped(data, 7),
    "a directory that points at itself": looped,
    "longer": lambda data: data + b"more",
    "another program's": lambda _data: b"half a download" * 1000,
}


def refusal_of(paths: tuple[str, str], output: Path) -> str:
    """Runs, and returns why that was refused; an empty text where it was not."""
    try:
        run(paths, str(output), TILED)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_unfinished_file_never_becomes_an_output(
    damage: str, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output, whole = make_pair(rasters), tmp_path / "out.tif", tmp_path / "whole.tif"
    run(paths, str(whole), TILED)
    interrupted(paths, output)
    part = tmp_path / "out.tif.part"
    damaged = DAMAGES[damage](part.read_bytes())
    part.write_bytes(damaged)
    told = refusal_of(paths, output)
    if told:
        assert "out.tif.part: is damaged, or not what out.tif.journal.json tells of" in told
        assert part.read_bytes() == damaged
        run(paths, str(output), replace(TILED, overwrite=True))
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"sums": []},
        {"sums": [1, 2, 3]},
        {"sums": "3"},
        {"sums": None},
        {"safe": -1},
        {"safe": 99},
        {"total": 3},
        {"total": True},
        {"settings": None},
        {"settings": {"a": 1}},
        {"template": 7},
        {"boot": 5},
        {"checksum": 0},
    ],
)
def test_a_journal_that_was_changed_is_refused(
    change: dict[str, object], rasters: Rasters, tmp_path: Path
) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output)
    journal = tmp_path / "out.tif.journal.json"
    journal.write_text(json.dumps(json.loads(journal.read_text()) | change))
    with pytest.raises(UsageError, match=r"out\.tif\.journal\.json: is .*damaged"):
        run(paths, str(output), TILED)
    assert not output.exists()


def test_what_a_kill_after_the_name_leaves_goes_with_the_next_call(
    rasters: Rasters, tmp_path: Path
) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    names = ("out.tif.part", "out.tif.journal.json")
    options = replace(TILED, format="COG", creation=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RasterSink, "tidy", lambda _sink: None)
        run(paths, str(output), options)
    assert all((tmp_path / name).exists() for name in names)
    journal.remove_leftovers(str(output))
    assert not any((tmp_path / name).exists() for name in names)
    interrupted(paths, output, replace(TILED, overwrite=True))
    journal.remove_leftovers(str(output))
    assert all((tmp_path / name).exists() for name in names)
