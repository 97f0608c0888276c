"""A network bound to a scene."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Self

from ssdiff_cli.device import BYTES_PER_PIXEL, DeviceChoice, choose
from ssdiff_cli.jobs.sharpen.band_names import band_names, mtf_gains
from ssdiff_cli.jobs.sharpen.check_report import NetworkReport
from ssdiff_cli.jobs.sharpen.estimate import PROBE, Cost, probe_window
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.method import MethodSummary
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.clipping import ClipCounter
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.fusion.model_fuser import FusionSettings, InputTile, ModelFuser
from ssdiff_models.fusion.stream import FusedBlock, fuse_tiles, model_grid
from ssdiff_models.scene.band_matching import closest_bands, spectral_order
from ssdiff_models.scene.dtypes import default_limits
from ssdiff_models.scene.statistics import SceneStatistics
from ssdiff_models.scene.windows import TileGrid

__all__ = ["NetworkMethod"]

CLIPPED = 0.02
"""Share of a band's pixels at the limits from which on a projection is doubtful: where the MTF is
the scene's own, it is below a thousandth."""
CUDA_BYTES = 2e9
"""Memory of CUDA's context and libraries in the process."""
CAUSES = {
    "gains": "the sensor's MTF",
    "limits": "the MS's data type",
    "order": "the order of the bands",
    "partners": "the bands' names",
}
"""What messages call settings that are no options of the command line."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMethod:
    """A network bound to a scene."""

    pair: ScenePair
    fuser: ModelFuser
    device: DeviceChoice
    clip_counter: ClipCounter
    """What the projections of the fuser have clipped so far."""

    @classmethod
    def bind(cls, job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint) -> Self:
        """Binds a model to a scene; warns where it suits the scene badly.

        Raises:
            SsdiffError: When the model cannot fuse the scene, or an option cannot be used.
        """
        settings = _settings(job, pair, checkpoint)
        device = choose(job.device, tile_pixels=(settings.tile + settings.overlap) ** 2)
        placed = replace(checkpoint, network=device.place(checkpoint.network))
        counter = ClipCounter()
        fuser = ModelFuser.for_scene(
            placed,
            pair.without_region(),
            settings,
            precision=device.precision,
            clip_counter=counter,
        )
        fuser.check(pair.ratio)
        _warn_of_groups(fuser)
        if settings.consistency and settings.overlap == 0:
            _log.warning(
                "--overlap 0: tiles that share no pixels give the MS back less exactly, to some "
                "percent, along their borders"
            )
        return cls(pair=pair, fuser=fuser, device=device, clip_counter=counter)

    @property
    def grid(self) -> TileGrid:
        """The lattice of tiles."""
        return model_grid(self.pair, self.fuser)

    @property
    def summary(self) -> MethodSummary:
        """What the run's report says of it."""
        settings = self.fuser.settings
        return MethodSummary(
            model=self.fuser.checkpoint.name,
            steps=settings.steps,
            seed=settings.seed,
            consistency=settings.consistency,
        )

    def blocks(self, rows: range) -> Iterator[FusedBlock]:
        """Yields the fused blocks of some rows of tiles."""
        return fuse_tiles(self.pair, self.fuser, self.device.runner(), rows)

    def statistics(self) -> SceneStatistics:
        """Returns the statistics of the pair, with the prior that the model uses."""
        return self.fuser.statistics

    def resume_key(self) -> dict[str, str]:
        """Returns the settings, a hash of the model and the precision."""
        key = {
            CAUSES.get(name, f"--{name}"): json.dumps(value)
            for name, value in asdict(self.fuser.settings).items()
        }
        key["--model"] = _digest(self.fuser.checkpoint)
        key["--precision"] = str(self.device.precision)
        return key

    def tags(self) -> dict[str, str]:
        """Returns the settings and the means of the bands."""
        settings = self.fuser.settings
        statistics = self.fuser.statistics
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
            "MS_MEANS": ",".join(f"{band.mean:.6g}" for band in statistics.ms),
        }

    def report(self) -> NetworkReport:
        """Returns what ``check`` says of it."""
        checkpoint = self.fuser.checkpoint
        settings = self.fuser.settings
        return NetworkReport(
            method=NETWORK,
            name=checkpoint.name,
            device=str(self.device.device),
            bands=checkpoint.bands,
            band_groups=tuple(tuple(band + 1 for band in group) for group in self.fuser.groups),
            sensors=tuple(checkpoint.metadata.get("sensors", ())),
            normalisation=checkpoint.normalisation,
            full_scale=checkpoint.full_scale,
            radiometry=checkpoint.metadata.get("radiometry"),
            steps=settings.steps,
            tile=settings.tile,
            overlap=settings.overlap,
            tiles=len(list(self.grid.blocks(self.pair.area))),
            consistency=settings.consistency,
            precision=str(self.device.precision).removeprefix("torch."),
        )

    def cost(self) -> Cost:
        """Returns what a tile takes; fuses a small one to measure the time."""
        settings = self.fuser.settings
        device = self.device
        tile_bytes = (settings.tile + settings.overlap) ** 2 * BYTES_PER_PIXEL
        seconds = self._seconds_per_pixel()
        if device.on_cpu:
            return Cost(
                memory=device.threads * tile_bytes,
                device_memory=None,
                seconds_per_pixel=seconds,
                workers=device.threads,
            )
        return Cost(
            memory=CUDA_BYTES,
            device_memory=device.batch * tile_bytes * device.precision.itemsize / 4,
            seconds_per_pixel=seconds,
            workers=1,
        )

    def _seconds_per_pixel(self) -> float:
        """Times the second of two equal runs: the first one starts things up."""
        on_cpu = self.device.on_cpu
        multiple = self.fuser.multiple
        side = PROBE if on_cpu else self.fuser.settings.tile
        window = probe_window(self.pair, -(-side // multiple) * multiple)
        count = 1 if on_cpu else self.device.batch
        seconds = 0.0
        for _ in range(2):
            started = time.perf_counter()
            tiles = [InputTile.of(self.pair.read(window), window)] * count
            for _fused in self.device.runner().run(self.fuser, tiles):
                seconds = time.perf_counter() - started
        return seconds / (count * window.rows * window.cols)

    def warnings(self) -> Iterator[str]:
        """Yields a warning where the projection clipped many pixels so far."""
        band, share = self.clip_counter.worst()
        if share > CLIPPED:
            yield (
                f"{self.pair.ms.path}: giving it back through the MTF put {100 * share:.0f}% of "
                f"the pixels of band {band + 1} at the limits of the data type: it is sharper than "
                "that MTF leaves images, so odd pixels surround bright ones; leave --consistency "
                "out for none of them"
            )


def _settings(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint) -> FusionSettings:
    return FusionSettings.of(
        checkpoint,
        **asdict(job.fusion),
        limits=default_limits(pair.ms.dtype),
        consistency=ITERATIONS if job.consistency else 0,
        gains=mtf_gains(job.sensor, pair),
        order=spectral_order(band_names(pair)),
        partners=_partners(checkpoint, pair),
    )


def _partners(checkpoint: Checkpoint, pair: ScenePair) -> tuple[int, ...]:
    """Returns the scene's band that goes into each of the model's, where the scene has fewer.

    Empty where the scene has enough bands, or where one of them would go nowhere.
    """
    if checkpoint.bands is None or pair.bands >= checkpoint.band_count:
        return ()
    partners = closest_bands(checkpoint.bands, band_names(pair))
    return partners if set(partners) == set(range(pair.bands)) else ()


def _warn_of_groups(fuser: ModelFuser) -> None:
    checkpoint = fuser.checkpoint
    if fuser.bands == checkpoint.band_count:
        return
    groups = "; ".join(",".join(str(band + 1) for band in group) for group in fuser.groups)
    _log.warning(
        "model %s has %d bands, the scene %d: fused in groups of bands (%s); "
        "a model of %d bands would do better",
        *(checkpoint.name, checkpoint.band_count, fuser.bands, groups, fuser.bands),
    )


def _digest(checkpoint: Checkpoint) -> str:
    """Returns a hash of the weights and of how they are used.

    The name is left out: two models may share it.
    """
    use = (
        checkpoint.config,
        checkpoint.normalisation,
        checkpoint.full_scale,
        checkpoint.prior,
        checkpoint.residual_scale,
        checkpoint.schedule,
    )
    digest = hashlib.sha256(repr(use).encode())
    for name, tensor in sorted(checkpoint.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
