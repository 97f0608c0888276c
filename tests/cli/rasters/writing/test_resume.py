"""A killed run ends with the file of an undisturbed one; so do shards."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing import journal
from ssdiff_cli.rasters.writing.merge import merge_shards
from ssdiff_cli.rasters.writing.shards import Shard, shard_path
from ssdiff_cli.rasters.writing.sink import SinkOptions, open_sink
from ssdiff_models.errors import InputError, UsageError
from tests.cli.rasters.fields import Rasters
from tests.cli.rasters.outputs import SMALL_TILES, make_pair, run, stored

ROOT = Path(__file__).parents[3]
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


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"version": 2, "template": "x"}'])
def test_a_journal_that_cannot_be_read_means_starting_over(
    text: str, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output)
    (tmp_path / "out.tif.journal.json").write_text(text)
    assert run(paths, str(output), TILED) == BLOCKS


@pytest.mark.parametrize("text", ['{"version": 99}', '{"version": 1, "template": "x"}'])
def test_an_unfinished_run_of_another_version_is_refused(
    text: str, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output)
    (tmp_path / "out.tif.journal.json").write_text(text)
    with pytest.raises(UsageError, match="of another version of ssdiff is here"):
        run(paths, str(output), TILED)
    assert (tmp_path / "out.tif.part").exists()
    assert run(paths, str(output), replace(TILED, overwrite=True)) == BLOCKS


def test_the_journal_tells_what_is_done(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output, SinkOptions(creation=SMALL_TILES, key={"model": "abc"}))
    journal = json.loads((tmp_path / "out.tif.journal.json").read_text())
    assert journal["tile_rows"] == 3
    assert journal["settings"]["model"] == "abc"
    assert journal["size"] <= (tmp_path / "out.tif.part").stat().st_size


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
    assert json.loads((tmp_path / "out.tif.journal.json").read_text())["tile_rows"] == 3
    monkeypatch.setattr(journal, "current_boot", lambda: boot)
    assert run(paths, str(output), TILED) == BLOCKS - 5 * rows
    assert output.read_bytes() == whole.read_bytes()


def test_what_an_earlier_run_left_is_waited_for_first(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    interrupted(paths, output, blocks=8)
    assert json.loads((tmp_path / "out.tif.journal.json").read_text())["safe"] == [0, 0]
    interrupted(paths, output, blocks=6)
    journal = json.loads((tmp_path / "out.tif.journal.json").read_text())
    assert journal["safe"] == [journal["tile_rows"], journal["size"]]
    assert journal["tile_rows"] == 2


def test_two_runs_on_one_output_do_not_meet(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sink(str(output), pair, options=TILED) as sink,
    ):
        with pytest.raises(UsageError, match="another run is writing it"):
            run(paths, str(output), TILED)
        patch = pair.read(pair.area)
        sink.write(pair.area, np.stack([patch.pan] * 3), patch.valid)
    assert output.exists()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", ["GTiff", "COG"])
def test_merged_shards_are_the_unsharded_file(
    count: int, kind: str, rasters: Rasters, tmp_path: Path
) -> None:
    paths, output, whole = make_pair(rasters), tmp_path / "out.tif", tmp_path / "whole.tif"
    creation = SMALL_TILES if kind == "GTiff" else ()
    options = SinkOptions(creation=creation, format=kind, key={"model": "m"})  # type: ignore[arg-type]
    run(paths, str(whole), options)
    shards, blocks = [], 0
    for index in range(1, count + 1):
        shard = Shard(index=index, count=count)
        sharded = SinkOptions(creation=creation, format=kind, key={"model": "m"}, shard=shard)  # type: ignore[arg-type]
        blocks += run(paths, str(output), sharded)
        shards.append(shard_path(str(output), shard))
    if kind == "GTiff":
        assert blocks == BLOCKS
    steps: list[tuple[int, int]] = []
    merge_shards(
        shards[::-1],
        str(output),
        overwrite=False,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert output.read_bytes() == whole.read_bytes()
    assert steps[-1][0] == steps[-1][1]
    pixels, valid = stored(paths)
    with rasterio.open(output) as out:
        assert np.array_equal(out.read()[:, valid], pixels[:, valid])


def test_a_shard_opens_as_a_raster_with_holes(rasters: Rasters, tmp_path: Path) -> None:
    paths, shard = make_pair(rasters), Shard(index=2, count=2)
    run(paths, str(tmp_path / "out.tif"), SinkOptions(creation=SMALL_TILES, shard=shard))
    with rasterio.open(shard_path(str(tmp_path / "out.tif"), shard)) as out:
        assert out.shape == (300, 280)
        assert not out.read()[:, :64].any()


def test_shards_that_do_not_belong_together_are_refused(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), str(tmp_path / "out.tif")
    for index in (1, 2):
        run(paths, output, SinkOptions(creation=SMALL_TILES, shard=Shard(index=index, count=3)))
    run(
        paths,
        str(tmp_path / "b.tif"),
        SinkOptions(creation=SMALL_TILES, shard=Shard(index=3, count=3), key={"steps": "9"}),
    )
    first, second = (shard_path(output, Shard(index=index, count=3)) for index in (1, 2))
    other = shard_path(str(tmp_path / "b.tif"), Shard(index=3, count=3))

    def refused(*shards: str) -> str:
        with pytest.raises(InputError) as caught:
            merge_shards(shards, output, overwrite=False, progress=lambda _done, _total: None)
        return str(caught.value)

    assert "of 3 parts shard 3 is not there" in refused(first, second)
    assert "another run" in refused(first, second, other)
    assert "give each once" in refused(first, second, first)
    assert "is no finished shard" in refused(first, paths[0])
    assert "cannot be read" in refused(first, str(tmp_path / "nowhere.tif"))
    with pytest.raises(UsageError, match="no shards"):
        merge_shards([], output, overwrite=False, progress=lambda _done, _total: None)
    assert not Path(output).exists()
    assert not Path(f"{output}.part").exists()


def test_a_shard_of_another_version_is_refused(rasters: Rasters, tmp_path: Path) -> None:
    shard = Shard(index=1, count=1)
    path = Path(shard_path(str(tmp_path / "out.tif"), shard))
    run(make_pair(rasters), str(tmp_path / "out.tif"), replace(TILED, shard=shard))
    path.write_bytes(path.read_bytes().replace(b'"digest"', b'"resume"'))
    with pytest.raises(InputError, match="is a shard of another version of ssdiff"):
        merge_shards(
            [str(path)],
            str(tmp_path / "out.tif"),
            overwrite=False,
            progress=lambda _done, _total: None,
        )


@pytest.mark.parametrize(("index", "count"), [(0, 3), (4, 3), (1, 0)])
def test_a_shard_number_out_of_range_is_refused(index: int, count: int) -> None:
    with pytest.raises(UsageError, match=f"--shard {index}/{count}"):
        Shard(index=index, count=count)


@pytest.mark.parametrize(
    ("tiles", "block", "count"), [(5, 64, 2), (1, 256, 3), (128, 256, 4), (129, 512, 5)]
)
def test_shards_share_all_rows_and_none_twice(tiles: int, block: int, count: int) -> None:
    rows = [
        row
        for index in range(1, count + 1)
        for row in Shard(index=index, count=count).tile_rows(tiles, block)
    ]
    assert sorted(rows) == list(range(tiles))
