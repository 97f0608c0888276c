"""What must hold on every device; run on the CPU always, on CUDA where it is there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from ssdiff_cli import device as devices
from ssdiff_cli.device import DeviceOptions
from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
from ssdiff_cli.jobs.sharpen.run import sharpen
from ssdiff_cli.rasters.writing.shards import Shard, own_path
from ssdiff_cli.rasters.writing.sink import SinkOptions
from ssdiff_models.errors import UsageError
from tests.cli.calls import ssdiff
from tests.cli.sharpening import Pixels, pixels
from tests.scenes import SceneFactory

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
ON_CUDA = [pytest.mark.gpu, NEEDS_CUDA]
DEVICES = ["cpu", pytest.param("cuda", marks=ON_CUDA)]
on_every_device = pytest.mark.parametrize("device", DEVICES)

HALF_RMS = 2e-3
"""Root mean square, over a band's mean, of what half precision changes."""
HALF_FAR = 0.02
"""Part of a band's mean that it moves one pixel in a thousand by, at most."""


@pytest.fixture
def job(scene_factory: SceneFactory, tiny: Path, tmp_path: Path) -> SharpenJob:
    """A scene of 24 tiles, and a model with random weights."""
    scene = scene_factory(size=256, sensor="qb")
    return SharpenJob(
        pan=str(scene.pan),
        ms=str(scene.ms),
        output=str(tmp_path / "out.tif"),
        model=str(tiny),
        fusion=FusionOptions(tile=64, overlap=16),
        sink=SinkOptions(creation=(("BLOCKXSIZE", "64"), ("BLOCKYSIZE", "64"))),
    )


def made(job: SharpenJob, name: str, **device: Any) -> Path:
    """Runs the job into a file of that name beside its output."""
    path = Path(job.output).with_name(name)
    sharpen(replace(job, output=str(path), device=DeviceOptions(**device)))
    return path


def difference(first: Path, second: Path) -> float:
    """Returns the largest one of two files, DN."""
    return float(np.abs(pixels(first).astype(float) - pixels(second)).max())


def stop(done: int, total: int, _: int) -> None:
    """Interrupts a run half-way."""
    if done > total // 2:
        raise KeyboardInterrupt


@on_every_device
def test_a_real_pair_is_that_of_the_cpu_to_one_dn(
    device: str, shared_data: Path, job: SharpenJob
) -> None:
    folder = shared_data / "quickbird" / "mmfn-21"
    real = replace(
        job, pan=str(folder / "pan.tif"), ms=str(folder / "ms.tif"), model=None, sensor="qb"
    )
    real = replace(real, fusion=FusionOptions())
    expected = made(real, "cpu.tif", device="cpu", precision="fp32", threads=1)
    assert difference(made(real, "here.tif", device=device, precision="fp32"), expected) <= 1


def error(found: Pixels, expected: Pixels) -> Pixels:
    """Returns differences over the means of the bands."""
    mean = expected.mean((1, 2), keepdims=True)
    off: Pixels = np.abs(found.astype(float) - expected) / mean
    return off


HALVES = [
    ("cpu", "bf16"),
    *(pytest.param("cuda", half, marks=ON_CUDA) for half in ("bf16", "fp16")),
]


@pytest.mark.parametrize(("device", "precision"), HALVES)
def test_half_precision_stays_near(device: str, precision: str, job: SharpenJob) -> None:
    shipped = replace(job, model=None, fusion=FusionOptions())
    expected = pixels(made(shipped, "full.tif", device=device, precision="fp32"))
    found = pixels(made(shipped, "half.tif", device=device, precision=precision))
    off = error(found, expected)
    assert off.any()
    assert np.sqrt((off**2).mean()) < HALF_RMS
    assert np.quantile(off, 0.999) < HALF_FAR


@on_every_device
def test_the_same_run_gives_the_same_bytes(device: str, job: SharpenJob) -> None:
    first = made(job, "first.tif", device=device, batch=4)
    assert first.read_bytes() == made(job, "second.tif", device=device, batch=4).read_bytes()


@on_every_device
@pytest.mark.parametrize("batch", [1, 7])
def test_batches_of_another_size_change_nothing_but_rounding(
    device: str, batch: int, job: SharpenJob
) -> None:
    expected = made(job, "four.tif", device=device, precision="fp32", batch=4)
    found = made(job, "other.tif", device=device, precision="fp32", batch=batch)
    assert difference(found, expected) <= 1


@on_every_device
def test_a_run_that_was_stopped_is_continued(device: str, job: SharpenJob) -> None:
    expected = made(job, "whole.tif", device=device, precision="fp32", batch=1)

    own = replace(job, device=DeviceOptions(device=device, precision="fp32", batch=1))
    with pytest.raises(KeyboardInterrupt):
        sharpen(own, stop)
    assert Path(f"{own.output}.part").exists()
    report = sharpen(own)
    assert difference(Path(report.output), expected) == 0


@pytest.mark.parametrize("has", [True, False])
def test_a_processor_that_multiplies_bfloat16_does_so(
    *, has: bool, job: SharpenJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: has)
    automatic = made(job, "automatic.tif", device="cpu")
    with rasterio.open(automatic) as file:
        assert file.tags(ns="SSDIFF")["PRECISION"] == ("bf16" if has else "fp32")
    plain = made(job, "plain.tif", device="cpu", precision="fp32")
    assert (automatic.read_bytes() == plain.read_bytes()) != has
    measured = made(replace(job, consistency=True), "measured.tif", device="cpu")
    with rasterio.open(measured) as file:
        assert file.tags(ns="SSDIFF")["PRECISION"] == "fp32"


def test_a_run_is_continued_in_its_precision_on_another_processor(
    job: SharpenJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(job, device=DeviceOptions(device="cpu"))
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: True)
    expected = made(own, "whole.tif", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        sharpen(own, stop)
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda: False)
    other = replace(own, device=DeviceOptions(device="cpu", precision="fp32"))
    with pytest.raises(UsageError, match="--precision"):
        sharpen(other)
    assert Path(sharpen(own).output).read_bytes() == expected.read_bytes()
    sharpen(replace(own, sink=replace(own.sink, overwrite=True)))
    assert difference(Path(own.output), expected) > 0


@on_every_device
def test_shards_are_the_whole(device: str, job: SharpenJob) -> None:
    expected = made(job, "whole.tif", device=device, precision="fp32", batch=1)
    parts = []
    for index in (1, 2):
        shard = Shard(index=index, count=2)
        part = replace(job, sink=replace(job.sink, shard=shard))
        made(part, "parts.tif", device=device, precision="fp32", batch=1)
        parts.append(own_path(str(expected.with_name("parts.tif")), shard))
    merged = expected.with_name("merged.tif")
    assert ssdiff("merge", *parts, "-o", merged).exit_code == 0
    assert difference(merged, expected) == 0


@pytest.mark.gpu
@NEEDS_CUDA
def test_a_batch_too_large_for_the_gpu_is_halved(
    job: SharpenJob, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = replace(job, model=None, fusion=FusionOptions(tile=64, overlap=16))
    expected = made(shipped, "one.tif", device="cuda", precision="fp32", batch=1)
    torch.cuda.empty_cache()
    # A tile of 80 x 80 pixels takes some 25 MB at float32, 16 of them 400 MB.
    used = torch.cuda.memory_reserved() + 150e6
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(used / total)
    try:
        found = made(shipped, "many.tif", device="cuda", precision="fp32", batch=16)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "too little memory for 16 tiles at a time: 8 from now on" in caplog.text
    assert difference(found, expected) <= 1
