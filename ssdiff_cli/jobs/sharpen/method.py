"""A method, classical or a network, bound to one scene: its blocks, and what the output says about it."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from ssdiff_cli.device import DeviceChoice, choose
from ssdiff_cli.jobs.sharpen.job import SharpenJob
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.fusion.model_fuser import FusionSettings, ModelFuser
from ssdiff_models.fusion.stream import FusedBlock, LocalFuser, fuse_blocks, fuse_tiles
from ssdiff_models.scene import sensors
from ssdiff_models.scene.band_matching import closest_bands, spectral_order
from ssdiff_models.scene.dtypes import default_limits
from ssdiff_models.scene.windows import TileGrid

__all__ = ["Fusion", "band_names", "bind", "mtf_gains"]

COLOURS = {"blue", "green", "red"}
LOCAL_BLOCK = 512
"""Side of the blocks that classical methods work in, a multiple of the TIFF's tiles; 1024 is no faster and takes 170 MB more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """A method bound to a scene: its blocks, and what is said about it."""

    blocks: Callable[[range], Iterator[FusedBlock]]
    """The blocks of some rows of blocks of `grid`."""
    total: int
    """Number of blocks of the whole area."""
    across: int
    """Blocks in a row of them."""
    fuser: ModelFuser | LocalFuser
    grid: TileGrid
    device: DeviceChoice
    model: str | None = None
    settings: FusionSettings | None = None
    provenance: dict[str, str] = field(default_factory=dict)


def bind(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint | None) -> Fusion:
    """Returns the job's method bound to a scene; no pixel is fused before its blocks are asked for.

    Raises:
        SsdiffError: When the method or the model cannot fuse the scene.
    """
    return _classical(job, pair) if checkpoint is None else _network(job, pair, checkpoint)


def _classical(job: SharpenJob, pair: ScenePair) -> Fusion:
    from ssdiff_models.classical import stream

    grid = TileGrid(
        rows=pair.rows, cols=pair.cols, step=LOCAL_BLOCK, overlap=0, multiple=pair.ratio
    )
    device = choose(job.device, tile_pixels=1)
    # A product with a part of the sensor's bands takes its gains by name.
    sensor = replace(
        sensors.get(job.sensor or "generic"),
        bands=("",) * pair.bands,
        ms_gains=mtf_gains(job.sensor, pair),
    )
    fuser = stream(job.method, pair.whole(), sensor, workers=device.threads)

    def blocks(rows: range) -> Iterator[FusedBlock]:
        return fuse_blocks(pair, fuser, block=LOCAL_BLOCK, workers=device.threads, rows=rows)

    return Fusion(
        blocks=blocks,
        total=_count(grid, pair),
        across=_across(grid, pair),
        fuser=fuser,
        grid=grid,
        device=device,
    )


def _network(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint) -> Fusion:
    options = job.fusion
    settings = FusionSettings.of(
        checkpoint,
        steps=options.steps,
        sampler=options.sampler,
        seed=options.seed,
        samples=options.samples,
        tile=options.tile,
        overlap=options.overlap,
        limits=default_limits(pair.ms.dtype),
        consistency=ITERATIONS if job.consistency else 0,
        gains=mtf_gains(job.sensor, pair),
        order=spectral_order(band_names(pair)),
        partners=_partners(checkpoint, pair),
    )
    device = choose(job.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
    fuser = _fuser(checkpoint, pair, settings, device)
    fuser.check(pair.ratio)
    _tell_groups(fuser, checkpoint)
    _tell_seams(settings)
    grid = TileGrid(
        rows=pair.rows,
        cols=pair.cols,
        step=settings.tile,
        overlap=settings.overlap,
        multiple=fuser.multiple,
    )
    return Fusion(
        blocks=lambda rows: fuse_tiles(pair, fuser, device.runner(), rows),
        total=_count(grid, pair),
        across=_across(grid, pair),
        fuser=fuser,
        grid=grid,
        device=device,
        model=checkpoint.name,
        settings=settings,
        provenance=_fusion_tags(fuser),
    )


def _partners(checkpoint: Checkpoint, pair: ScenePair) -> tuple[int, ...]:
    """Returns which of the scene's bands stands in for each of the model's, where the scene has fewer and each finds a place."""
    if checkpoint.bands is None or pair.bands >= checkpoint.band_count:
        return ()
    found = closest_bands(checkpoint.bands, band_names(pair))
    return found if set(found) == set(range(pair.bands)) else ()


def mtf_gains(sensor: str | None, pair: ScenePair) -> tuple[float, ...]:
    """Returns the MTF gain of each band of a pair: the sensor's by the bands' names, or the generic one."""
    return sensors.get(sensor or "generic").gains(pair.bands, band_names(pair))


def band_names(pair: ScenePair) -> tuple[str | None, ...]:
    """Returns what the MS calls its bands: by description, or else by colour."""
    data, indexes = pair.ms.dataset, pair.ms.indexes
    colours = [data.colorinterp[index - 1].name for index in indexes]
    named = [
        data.descriptions[index - 1] or (colour if colour in COLOURS else None)
        for index, colour in zip(indexes, colours, strict=True)
    ]
    return tuple(name and name.strip().lower() for name in named)


def _fuser(
    checkpoint: Checkpoint, pair: ScenePair, settings: FusionSettings, device: DeviceChoice
) -> ModelFuser:
    placed = replace(checkpoint, network=device.place(checkpoint.network))
    return ModelFuser.for_scene(placed, pair.whole(), settings, precision=device.precision)


def _tell_seams(settings: FusionSettings) -> None:
    if settings.consistency and settings.overlap == 0:
        _log.warning(
            "--overlap 0: tiles that share no pixels give the MS back less exactly, to some percent, along their borders"
        )


def _tell_groups(fuser: ModelFuser, checkpoint: Checkpoint) -> None:
    if fuser.bands == checkpoint.band_count:
        return
    groups = "; ".join(",".join(str(band + 1) for band in group) for group in fuser.groups)
    _log.warning(
        "model %s has %d bands, the scene %d: fused in groups of bands (%s); a model of %d bands would do better",
        checkpoint.name, checkpoint.band_count, fuser.bands, groups, fuser.bands,
    )  # fmt: skip


def _count(grid: TileGrid, pair: ScenePair) -> int:
    rows, cols = grid.covering(pair.area)
    return len(rows) * len(cols)


def _across(grid: TileGrid, pair: ScenePair) -> int:
    return len(grid.covering(pair.area)[1])


def _fusion_tags(fuser: ModelFuser) -> dict[str, str]:
    settings, statistics = fuser.settings, fuser.statistics
    means = ",".join(f"{band.mean:.6g}" for band in statistics.ms)
    return {
        "STEPS": str(settings.steps),
        "SAMPLER": settings.sampler,
        "SEED": str(settings.seed),
        "SAMPLES": str(settings.samples),
        "TILE": str(settings.tile),
        "OVERLAP": str(settings.overlap),
        "CONSISTENCY": str(settings.consistency),
        "CLIPPINGS": str(settings.clip_iterations),
        "MTF_GAINS": ",".join(f"{gain:g}" for gain in settings.gains),
        "PAN_MEAN": f"{statistics.pan.mean:.6g}",
        "MS_MEANS": means,
    }
