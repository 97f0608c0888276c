"""Groups of options as the settings that jobs take."""

import pytest

from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
from ssdiff_cli.options.groups import (
    DeviceFlags,
    FusionFlags,
    InferenceFlags,
    MethodFlags,
    PairFlags,
    PartFlags,
    SceneFlags,
    SinkFlags,
    sharpen_job,
)
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import UsageError


def test_defaults_are_those_of_the_settings() -> None:
    assert PairFlags().parsed() == SceneFlags().parsed() == PairOptions()
    assert DeviceFlags().parsed() == InferenceFlags().parsed() == DeviceOptions()
    assert FusionFlags().parsed() == FusionOptions(sampler="ddim")
    sink = SinkFlags().parsed(threads=3)
    assert (sink.format, sink.nodata, sink.creation, sink.num_threads) == (
        "GTiff",
        "inherit",
        (),
        3,
    )


def test_a_part_of_a_pair() -> None:
    flags = SceneFlags(
        bidx="3,1", bbox="1,2,3,4", bbox_crs="EPSG:4326", src_nodata="0", extent="pan"
    )
    assert flags.parsed() == PairOptions(
        bidx=(3, 1),
        bbox=(1, 2, 3, 4),
        bbox_crs="EPSG:4326",
        pan_nodata=0,
        ms_nodata=0,
        extent="pan",
    )


def test_a_job_of_all_groups() -> None:
    method = MethodFlags(method="GSA", sensor="qb")
    device = InferenceFlags(device="cpu", threads=2, batch=4, compile=True)
    pair = SceneFlags(register=True)
    fusion = FusionFlags(steps=5)
    job = sharpen_job(pair, method, fusion, device, pan="p.tif", ms=["m.tif"], output="o.tif")
    assert job == SharpenJob(
        pan="p.tif",
        ms="m.tif",
        output="o.tif",
        method="gsa",
        sensor="qb",
        register="global",
        fusion=FusionOptions(steps=5, sampler="ddim"),
        device=DeviceOptions(device="cpu", threads=2, batch=4, compile=True),
    )


def test_the_local_shift_includes_the_global_one() -> None:
    assert PairFlags().registration == "no"
    assert PairFlags(register=True).registration == "global"
    assert PairFlags(register=True, register_local=True).registration == "local"


def test_a_crs_without_a_box_is_refused() -> None:
    with pytest.raises(UsageError, match="--bbox-crs EPSG:4326"):
        PartFlags(bbox_crs="EPSG:4326").parsed()
