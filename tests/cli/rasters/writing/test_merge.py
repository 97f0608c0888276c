"""Merged shards are the file of one run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ssdiff_cli.rasters.writing.merge import merge_shards
from ssdiff_cli.rasters.writing.shards import Shard, shard_path
from ssdiff_cli.rasters.writing.sink import SinkOptions
from ssdiff_models.errors import InputError, UsageError
from tests.cli.rasters.fields import Rasters
from tests.cli.rasters.outputs import SMALL_TILES, make_pair, run, stored

BLOCKS = 25
"""Blocks of 64 x 64 in 300 x 280 pixels."""


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
    run(
        make_pair(rasters),
        str(tmp_path / "out.tif"),
        SinkOptions(creation=SMALL_TILES, shard=shard),
    )
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match="is no finished shard of this version"):
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


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "head": lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:],
    "places of tiles": lambda data: data[:300] + bytes(64) + data[364:],
    "pixels": lambda data: data[:-2000] + bytes([data[-2000] ^ 4]) + data[-1999:],
    "zeros": lambda data: data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :],
    "note": lambda data: data.replace(b'"count": 2', b'"count": 3'),
    "rows": lambda data: data.replace(b'"tile_rows": [0, 1, 4]', b'"tile_rows": [0, 0, 4]'),
    "end": lambda data: data[:-1],
    "beginning": lambda data: data[1:],
    "empty": lambda _data: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_refused(damage: str, rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), str(tmp_path / "out.tif")
    shards = []
    for index in (1, 2):
        shard = Shard(index=index, count=2)
        run(paths, output, SinkOptions(creation=SMALL_TILES, shard=shard))
        shards.append(shard_path(output, shard))
    first = Path(shards[0])
    damaged = DAMAGES[damage](first.read_bytes())
    assert damaged != first.read_bytes()
    first.write_bytes(damaged)
    with pytest.raises(InputError, match=r"out\.shard1of2\.tif: is (damaged|no finished shard)"):
        merge_shards(shards, output, overwrite=False, progress=lambda _done, _total: None)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out.tif")) == []
