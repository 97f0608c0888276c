"""Outputs: every pixel, on the right grid, in the right type, under its name only when complete."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_cli.rasters.writing.output_path import check_outputs
from ssdiff_cli.rasters.writing.sink import SinkOptions, open_sinks
from ssdiff_cli.rasters.writing.tiff_tiles import ArrayTag, read_pages
from ssdiff_cli.rasters.writing.tile_assembler import Assembler
from ssdiff_models.errors import ResourceError, SsdiffError, UsageError
from ssdiff_models.scene.windows import TileGrid, Window
from tests.cli.rasters.fields import Rasters, north_up
from tests.cli.rasters.outputs import make_pair, run, stored
from tests.limits import file_size_limit

FORMATS: dict[str, dict[str, Any]] = {
    "default": {},
    "bands apart": {"creation": (("INTERLEAVE", "BAND"),)},
    "BigTIFF": {"creation": (("BIGTIFF", "YES"), ("COMPRESS", "LZW"))},
    "big-endian": {"creation": (("ENDIANNESS", "BIG"),)},
    "uncompressed": {"creation": (("COMPRESS", "NONE"),)},
    "zstd": {"creation": (("COMPRESS", "ZSTD"), ("BLOCKXSIZE", "128"), ("BLOCKYSIZE", "32"))},
    "floats": {"dtype": "float32"},
    "mask": {"nodata": "none"},
    "another nodata": {"nodata": 9.0},
    "bytes": {"dtype": "uint8"},
    "COG": {"format": "COG"},
    "COG with a mask": {"format": "COG", "nodata": "none"},
}


@pytest.mark.parametrize(
    ("kind", "step"), [*((kind, 112) for kind in FORMATS), ("default", 64), ("default", 320)]
)
def test_every_pixel_arrives_once(kind: str, step: int, rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), str(tmp_path / "out.tif")
    options = SinkOptions(num_threads=2, **FORMATS[kind])
    run(paths, output, options, step=step)
    pixels, valid = stored(paths)
    dtype = options.dtype or "uint16"
    if dtype == "float32":
        with open_pair(*paths, options=PairOptions()) as pair:
            patch = pair.read(pair.area)
            pixels = np.stack([patch.pan + 10.4 * band for band in range(3)])
    else:
        pixels = np.clip(pixels, 0, np.iinfo(dtype).max)
    with rasterio.open(output) as out:
        found = out.read()
        assert out.dtypes == (dtype,) * 3
        assert out.profile["tiled"]
        assert np.array_equal(out.dataset_mask() != 0, valid)
    same = found[:, valid] == pixels[:, valid].astype(dtype)
    # A valid pixel that happens to be the nodata value is nudged by one, and only that.
    assert (np.abs(found[:, valid] - pixels[:, valid])[~same] <= 1).all()
    assert same.mean() > 0.999
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ms.tif", "out.tif", "pan.tif"]


def test_the_file_does_not_tell_how_it_was_tiled(rasters: Rasters, tmp_path: Path) -> None:
    paths = make_pair(rasters)
    options = SinkOptions(creation=(("BLOCKXSIZE", "64"), ("BLOCKYSIZE", "64")))
    for step, threads in ((112, 1), (64, 2), (320, 1)):
        run(
            paths,
            str(tmp_path / f"{step}.tif"),
            SinkOptions(creation=options.creation, num_threads=threads),
            step=step,
        )
    contents = {(tmp_path / f"{step}.tif").read_bytes() for step in (112, 64, 320)}
    assert len(contents) == 1


def test_no_tile_is_stored_twice(rasters: Rasters, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    run(
        make_pair(rasters),
        str(output),
        SinkOptions(creation=(("BLOCKXSIZE", "64"), ("BLOCKYSIZE", "64"))),
        step=48,
    )
    data = output.read_bytes()
    (page,) = read_pages(data)
    tiles = [
        (page.offsets.read(data, i), page.counts.read(data, i)) for i in range(page.offsets.count)
    ]
    assert [start for start, _ in tiles[1:]] == [start + size for start, size in tiles[:-1]]
    assert sum(tiles[-1]) == len(data)


def test_an_area_has_its_own_origin(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), str(tmp_path / "out.tif")
    part = PairOptions(bbox=(500_037.0, 4_599_799.0, 500_201.0, 4_599_937.0))
    run(paths, output, SinkOptions(), step=48, pair_options=part)
    run(paths, str(tmp_path / "whole.tif"), SinkOptions(), step=48)
    with rasterio.open(output) as out, rasterio.open(tmp_path / "whole.tif") as whole:
        assert out.shape == (138, 164)
        assert out.crs == whole.crs
        assert (out.transform.c, out.transform.f) == (500_037.0, 4_599_937.0)
        assert np.array_equal(out.read(), whole.read()[:, 63:201, 37:201])


def test_valid_pixels_are_never_nodata(rasters: Rasters, tmp_path: Path) -> None:
    paths = make_pair(rasters, nodata=None)
    for nodata, dtype, extreme, stored_as in (
        (0, "uint16", -9.0, 1),
        (65535, "uint16", 1e6, 65534),
        (-7, "int16", -7.2, -6),
    ):
        output = str(tmp_path / f"{nodata}.tif")
        with open_pair(*paths, options=PairOptions()) as pair:
            options = SinkOptions(nodata=float(nodata), dtype=dtype)
            with open_sinks({output: options}, pair) as (sink,):
                sink.write(
                    pair.area,
                    np.full((3, *pair.area.shape), extreme, np.float32),
                    np.ones(pair.area.shape, bool),
                )
        with rasterio.open(output) as out:
            assert (out.read() == stored_as).all()
            assert out.dataset_mask().all()


def test_invalid_pixels_may_hold_anything(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), str(tmp_path / "out.tif")
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sinks({output: SinkOptions()}, pair) as (sink,),
    ):
        fused = np.full((3, *pair.area.shape), np.nan, np.float32)
        sink.write(pair.area, fused, np.zeros(pair.area.shape, bool))
    with rasterio.open(output) as out:
        assert not out.dataset_mask().any()


def test_significant_bits_are_kept_and_never_exceeded(rasters: Rasters, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    paths = (
        rasters.write(
            "pan.tif",
            rng.integers(0, 4096, (1, 160, 160)).astype(np.uint16),
            north_up(9.0, 9.0, 1.0),
        ),
        rasters.write(
            "ms.tif",
            rng.integers(0, 4096, (2, 40, 40)).astype(np.uint16),
            north_up(9.0, 9.0, 4.0),
            NBITS=12,
        ),
    )
    output = str(tmp_path / "out.tif")
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sinks({output: SinkOptions()}, pair) as (sink,),
    ):
        sink.write(pair.area, np.full((2, 160, 160), 5000, np.float32), np.ones((160, 160), bool))
    with rasterio.open(output) as out:
        assert out.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "12"
        assert (out.read() == 4095).all()


def test_a_run_that_fails_early_leaves_nothing(rasters: Rasters, tmp_path: Path) -> None:
    paths = make_pair(rasters)
    with pytest.raises(ZeroDivisionError):
        run(paths, str(tmp_path / "out.tif"), stop=(3, ZeroDivisionError()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ms.tif", "pan.tif"]


def write_one_block(paths: tuple[str, str], output: str) -> None:
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sinks({output: SinkOptions()}, pair) as (sink,),
    ):
        sink.write(
            Window(row=0, col=0, rows=8, cols=8),
            np.ones((3, 8, 8), np.float32),
            np.ones((8, 8), bool),
        )


def test_a_missing_block_is_a_bug_that_is_seen(rasters: Rasters, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="never written"):
        write_one_block(make_pair(rasters), str(tmp_path / "out.tif"))
    assert not (tmp_path / "out.tif").exists()


def test_a_disk_that_fills_up_is_a_matter_of_resources(rasters: Rasters, tmp_path: Path) -> None:
    paths = make_pair(rasters)
    with (
        file_size_limit(100_000),
        pytest.raises(ResourceError, match=r"out\.tif: cannot be written: File too large"),
    ):
        run(paths, str(tmp_path / "out.tif"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ms.tif", "pan.tif"]


def test_the_full_device_is_named(
    rasters: Rasters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssdiff_cli.rasters.writing.tile_file import TileFile

    def full(self: TileFile, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    paths = make_pair(rasters)
    monkeypatch.setattr(TileFile, "_write", full)
    with pytest.raises(ResourceError, match="No space left on device; make room"):
        run(paths, str(tmp_path / "out.tif"))
    with pytest.raises(UsageError, match="the name is too long; choose a shorter one"):
        run(paths, str(tmp_path / f"{'o' * 250}.tif"))


def refusal(output: Path | str, paths: tuple[str, str], **options: Any) -> str:
    with pytest.raises(SsdiffError) as caught:
        run(paths, str(output), SinkOptions(**options))
    assert isinstance(caught.value, UsageError)
    return str(caught.value)


def test_outputs_that_cannot_be_are_refused(rasters: Rasters, tmp_path: Path) -> None:
    paths = make_pair(rasters)
    there = tmp_path / "there.tif"
    there.write_text("precious")
    assert refusal(there, paths) == f"{there}: exists; pass --overwrite to replace it"
    assert there.read_text() == "precious"
    assert "is also an input" in refusal(paths[0], paths, overwrite=True)
    assert "is a folder" in refusal(tmp_path, paths)
    assert "'-': an output cannot be a pipe" in refusal("-", paths)
    os.mkfifo(tmp_path / "pipe")
    assert "is no regular file" in refusal(tmp_path / "pipe", paths, overwrite=True)
    assert "there is no folder" in refusal(tmp_path / "no" / "out.tif", paths)
    assert "local file" in refusal("/vsimem/out.tif", paths)
    assert "--nodata 70000" in refusal(tmp_path / "a.tif", paths, nodata=70_000.0)
    assert "--nodata 0.5" in refusal(tmp_path / "a.tif", paths, nodata=0.5)
    assert "--dtype complex64" in refusal(tmp_path / "a.tif", paths, dtype="complex64")
    assert "TILED" in refusal(tmp_path / "a.tif", paths, creation=(("tiled", "no"),))
    assert "multiple of 16" in refusal(tmp_path / "a.tif", paths, creation=(("BLOCKXSIZE", "100"),))
    assert "'NONSENSE' is an unexpected value for COMPRESS" in refusal(
        tmp_path / "a.tif", paths, creation=(("COMPRESS", "NONSENSE"),)
    )
    assert "does not support creation option COMPRES" in refusal(
        tmp_path / "a.tif", paths, creation=(("COMPRES", "LZW"),)
    )
    assert "JPEG" in refusal(
        tmp_path / "a.tif", paths, creation=(("COMPRESS", "JPEG"),), dtype="float32"
    )
    assert "NONSENSE" in refusal(
        tmp_path / "a.tif", paths, creation=(("COMPRESS", "NONSENSE"),), format="COG"
    )
    assert "BLOCKXSIZE" in refusal(
        tmp_path / "a.tif", paths, creation=(("BLOCKXSIZE", "512"),), format="COG"
    )
    assert "JPEG" in refusal(
        tmp_path / "a.tif", paths, creation=(("COMPRESS", "JPEG"),), format="COG"
    )
    assert "NBITS=x: give" in refusal(tmp_path / "a.tif", paths, creation=(("NBITS", "x"),))
    assert "--nodata 4096" in refusal(
        tmp_path / "a.tif", paths, creation=(("NBITS", "12"),), nodata=4096.0
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ms.tif",
        "pan.tif",
        "pipe",
        "there.tif",
    ]


@pytest.mark.parametrize(
    ("format", "name", "value"),
    [
        ("GTiff", "profile", "BASELINE"),
        ("GTiff", "TFW", "yes"),
        ("COG", "STATISTICS", "YES"),
        ("COG", "TARGET_SRS", "EPSG:3857"),
        ("COG", "TILING_SCHEME", "GoogleMapsCompatible"),
    ],
)
def test_options_that_would_spoil_the_output_are_refused(
    format: Any,  # noqa: A002
    name: str,
    value: str,
    rasters: Rasters,
    tmp_path: Path,
) -> None:
    told = refusal(tmp_path / "a.tif", make_pair(rasters), creation=((name, value),), format=format)
    assert told.startswith(f"--co {name.upper()}={value}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ms.tif", "pan.tif"]


def test_a_closed_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(UsageError, match="no permission to write into"):
        check_outputs([tmp_path / "out.tif"], overwrite=False)


def test_what_lies_in_a_folder_that_must_not_be_entered_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        if path.parent.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return path == tmp_path

    for question in ("exists", "is_dir", "is_file"):
        monkeypatch.setattr(Path, question, closed)
    reads = (str(tmp_path / "closed" / "pan.tif"),)
    check_outputs([tmp_path / "out.tif"], reads, overwrite=False)
    with pytest.raises(UsageError, match="there is no folder"):
        check_outputs([tmp_path / "closed" / "out.tif"], overwrite=False)


def test_overwriting_replaces_only_at_the_end(rasters: Rasters, tmp_path: Path) -> None:
    paths, output = make_pair(rasters), tmp_path / "out.tif"
    output.write_text("old")
    with (
        open_pair(*paths, options=PairOptions()) as pair,
        open_sinks({str(output): SinkOptions(overwrite=True)}, pair) as (sink,),
    ):
        grid = TileGrid(rows=300, cols=280, step=320, overlap=0, multiple=4)
        sink.write(grid.block(0, 0), np.ones((3, 300, 280), np.float32), np.ones((300, 280), bool))
        assert output.read_text() == "old"
    with rasterio.open(output) as out:
        assert (out.read() == 1).all()


def test_the_assembler_holds_only_unfinished_tiles() -> None:
    area = Window(row=5, col=3, rows=90, cols=200)
    assembler = Assembler(area=area, bands=1, dtype=np.dtype("int32"), tile_rows=32, tile_cols=32)
    truth = np.arange(90 * 200, dtype=np.int32).reshape(1, 90, 200)
    found = np.full((1, 96, 224), -1, np.int32)
    for row in range(0, 90, 24):
        for col in range(0, 200, 40):
            rows, cols = min(24, 90 - row), min(40, 200 - col)
            block = Window(row=5 + row, col=3 + col, rows=rows, cols=cols)
            pixels = truth[:, row : row + rows, col : col + cols]
            for tiles in assembler.add(block, pixels, np.ones((rows, cols), bool)):
                place = np.s_[
                    :,
                    tiles.row * 32 : (tiles.row + 1) * 32,
                    tiles.col * 32 : tiles.col * 32 + tiles.pixels.shape[2],
                ]
                assert (found[place] == -1).all()
                found[place] = tiles.pixels
            assert assembler.unfinished <= 7 + 2
    assert assembler.unfinished == 0
    assert np.array_equal(found[:, :90, :200], truth)


def test_numbers_beyond_a_classic_tiff_do_not_wrap() -> None:
    assert ArrayTag(position=0, count=1, code="<I").pack(2**32 - 1) == b"\xff" * 4
    with pytest.raises(OverflowError):
        ArrayTag(position=0, count=1, code="<I").pack(2**32)
