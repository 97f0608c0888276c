"""Tiles whose bytes are taken as they are, against GDAL's encoding of the same tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssdiff_cli.rasters.writing import tile_encoder
from ssdiff_cli.rasters.writing.profile import OutputProfile
from ssdiff_cli.rasters.writing.tile_assembler import Assembler, TileRun
from ssdiff_cli.rasters.writing.tile_encoder import encode_run, encode_with_gdal
from ssdiff_models.scene.windows import Window

DEFAULTS = {"BIGTIFF": "IF_SAFER", "PHOTOMETRIC": "MINISBLACK", "ALPHA": "NO", "TILED": "YES"}


def profile(bands: int, dtype: str, nodata: float | None, **creation: str) -> OutputProfile:
    return OutputProfile(
        area=Window(row=0, col=0, rows=64, cols=96),
        bands=bands,
        dtype=np.dtype(dtype),
        nodata=nodata,
        cog=False,
        masked=False,
        nbits=None,
        block_rows=32,
        block_cols=16,
        creation=DEFAULTS | {"COMPRESS": "NONE"} | creation,
    )


def tiles(bands: int, dtype: str, seed: int) -> TileRun:
    pixels = np.random.default_rng(seed).integers(0, 100, (bands, 32, 48)).astype(dtype)
    pixels[:, :, 16:32] = 0  # which GDAL could leave out of the file
    return TileRun(row=1, col=2, pixels=pixels, valid=np.ones((32, 48), bool))


@settings(max_examples=30)
@given(
    bands=st.integers(1, 9),
    dtype=st.sampled_from(
        ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
    ),
    nodata=st.sampled_from([None, 0.0, 7.0]),
    interleave=st.sampled_from([{}, {"INTERLEAVE": "PIXEL"}, {"INTERLEAVE": "band"}]),
    seed=st.integers(0, 99),
)
def test_plain_tiles_are_gdals_bytes(
    bands: int, dtype: str, nodata: float | None, interleave: dict[str, str], seed: int
) -> None:
    wanted = profile(bands, dtype, nodata, **interleave)
    run = tiles(bands, dtype, seed)
    assert encode_run(run, wanted) == encode_with_gdal(run, wanted)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("COMPRESS", "DEFLATE"),
        ("ENDIANNESS", "BIG"),
        ("SPARSE_OK", "TRUE"),
        ("NBITS", "12"),
        ("PREDICTOR", "2"),
        ("DISCARD_LSB", "2"),
    ],
)
def test_whatever_else_is_asked_for_is_gdals_work(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_encoder, "_plain", None)
    wanted = profile(3, "uint16", None, **{option: value})
    run = tiles(3, "uint16", 0)
    assert encode_run(run, wanted) == encode_with_gdal(run, wanted)


def test_whole_tiles_of_a_block_are_not_copied() -> None:
    area = Window(row=8, col=4, rows=100, cols=96)
    assembler = Assembler(area=area, bands=2, dtype=np.dtype(np.uint16), tile_rows=32, tile_cols=16)
    block = Window(row=8, col=20, rows=80, cols=48)
    pixels, valid = (
        np.arange(2 * 80 * 48, dtype=np.uint16).reshape(2, 80, 48),
        np.ones((80, 48), bool),
    )
    runs = list(assembler.add(block, pixels, valid))
    assert [(run.row, run.col) for run in runs] == [(0, 1), (1, 1)]
    assert all(np.shares_memory(run.pixels, pixels) for run in runs)
    assert np.array_equal(np.concatenate([run.pixels for run in runs], 1), pixels[:, :64])
    assert assembler.unfinished == 3
