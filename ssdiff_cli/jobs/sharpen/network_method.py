"""A network bound to a scene."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from ssdiff_cli.device import BYTES_PER_PIXEL, DTYPES, DeviceOptions, choose
from ssdiff_cli.jobs.sharpen.band_names import (
    band_names,
    model_order,
    scene_sensor,
    warn_of_guessed_gains,
)
from ssdiff_cli.jobs.sharpen.job import NETWORK, SharpenJob
from ssdiff_cli.jobs.sharpen.method import PROBE, Cost, MethodReport, MethodSummary, SceneMethod
from ssdiff_cli.rasters.reading.pair import ScenePair
from ssdiff_cli.rasters.writing.journal import recorded_setting
from ssdiff_cli.rasters.writing.shards import own_path
from ssdiff_models.checkpoint import Checkpoint
from ssdiff_models.consistency.clipping import ClipCounter
from ssdiff_models.consistency.project import ITERATIONS
from ssdiff_models.fusion.blocks import FusedBlock
from ssdiff_models.fusion.crispness import as_crisp_as_asked
from ssdiff_models.fusion.inputs import InputTile
from ssdiff_models.fusion.model_fuser import ModelFuser
from ssdiff_models.fusion.prior import RatioPrior
from ssdiff_models.fusion.settings import FusionSettings
from ssdiff_models.fusion.stream import fuse_tiles, model_grid
from ssdiff_models.scene.band_matching import closest_bands
from ssdiff_models.scene.dtypes import default_limits

__all__ = ["NetworkMethod", "NetworkReport"]

CLIPPED = 0.02
"""Share of a band's pixels at the limits that makes a projection doubtful; where the MTF is the
scene's own, it is below 0.001."""
CUDA_BYTES = 2e9
"""Memory of CUDA's context and libraries in the process."""
CAUSES = {
    "gains": "the sensor's MTF",
    "limits": "the MS's data type",
    "order": "the order of the bands",
    "closest_bands": "the bands' names",
}
"""What messages call settings that are no options of the command line."""
PRECISION = "--precision"
"""What messages and journals call it."""
TAGS = ("steps", "sampler", "seed", "samples", "tile", "overlap", "sharpness", "consistency")
"""Settings whose tag has their name."""
USE = ("config", "normalisation", "full_scale", "prior", "residual_scale", "schedule")
"""What decides the pixels of a model besides its weights; two models may share a name."""

FEWER = ", and so does --method mtf-glp-fs where the PAN sees what these bands lack (infrared)"
"""Simulated QuickBird scenes of blue, green and red alone: ERGAS 24 against 10, and 15 of EXP."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReport(MethodReport):
    """What ``check`` says of a model."""

    bands: tuple[str, ...] | None
    band_groups: tuple[tuple[int, ...], ...]
    """Numbers from 1 of the scene's bands that are fused together."""
    sensors: tuple[str, ...]
    """What the model was trained on."""
    normalisation: str
    full_scale: float | None
    radiometry: Mapping[str, Any] | None
    """Dynamic range of the training scenes."""
    steps: int
    tile: int
    overlap: int
    tiles: int
    consistency: int
    pan_detail: float
    """Factor on the detail of the PAN that the network sees, so that the result is crisp."""
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMethod(SceneMethod):
    """A network bound to a scene."""

    fuser: ModelFuser
    clip_counter: ClipCounter
    """What the projections of the fuser have clipped so far."""

    @classmethod
    def bind(
        cls,
        job: SharpenJob,
        pair: ScenePair,
        checkpoint: Checkpoint,
        prior: RatioPrior | None = None,
    ) -> Self:
        """Binds a model to a scene; warns where it suits the scene badly."""
        settings = _settings(job, pair, checkpoint)
        device = choose(_device_options(job), tile_pixels=(settings.tile + settings.overlap) ** 2)
        placed = replace(checkpoint, network=device.place(checkpoint.network))
        counter = ClipCounter()
        fuser = ModelFuser.for_scene(
            placed,
            pair.without_region(),
            settings,
            precision=device.dtype,
            prior=prior,
        )
        fuser.check(pair.ratio)
        fuser = as_crisp_as_asked(fuser, pair.without_region(), device.runner())
        fuser = replace(fuser, clip_counter=counter)
        _warn_of_groups(fuser)
        if settings.consistency:
            warn_of_guessed_gains(job.sensor, pair)
        if settings.consistency and settings.overlap == 0:
            _log.warning(
                "--overlap 0: tiles that share no pixels give the MS back less exactly, to some "
                "percent, along their borders"
            )
        grid = model_grid(pair, fuser)
        return cls(
            name=NETWORK, pair=pair, device=device, grid=grid, fuser=fuser, clip_counter=counter
        )

    def blocks(self, rows: range) -> Iterator[FusedBlock]:
        """Yields the fused blocks of some rows of tiles."""
        return fuse_tiles(self.pair, self.fuser, self.device.runner(), rows)

    def summary(self) -> MethodSummary:
        """Returns the model and the settings that users look for."""
        settings = self.fuser.settings
        return MethodSummary(
            model=self.fuser.checkpoint.name,
            steps=settings.steps,
            seed=settings.seed,
            consistency=settings.consistency,
        )

    def report(self) -> NetworkReport:
        """Returns the model, and how it is used."""
        checkpoint = self.fuser.checkpoint
        settings = self.fuser.settings
        return NetworkReport(
            method=self.name,
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
            tiles=self.count,
            consistency=settings.consistency,
            pan_detail=round(self.fuser.pan_detail, 4),
            precision=self.device.precision,
        )

    @property
    def prior(self) -> RatioPrior | None:
        """What the model starts from, where that is not the LMS."""
        return self.fuser.prior

    def resume_key(self) -> dict[str, str]:
        """Returns the settings, a hash of the model, and the precision."""
        key = {
            CAUSES.get(name, f"--{name}"): json.dumps(value)
            for name, value in asdict(self.fuser.settings).items()
        }
        return key | {
            "--model": _digest(self.fuser.checkpoint),
            PRECISION: self.device.precision,
            "the PAN's detail": f"{self.fuser.pan_detail:.2f}",
        }

    def tags(self) -> dict[str, str]:
        """Returns the settings, the precision, and the means in DN."""
        settings = self.fuser.settings
        statistics = self.fuser.statistics
        return {name.upper(): str(getattr(settings, name)) for name in TAGS} | {
            "PRECISION": self.device.precision,
            "CLIPPINGS": str(settings.clip_iterations),
            "PAN_DETAIL": f"{self.fuser.pan_detail:.2f}",
            "PAN_MEAN": f"{statistics.pan.mean:.6g}",
            "MS_MEANS": ",".join(f"{band.mean:.6g}" for band in statistics.ms),
        }

    def cost(self) -> Cost:
        """Returns what a tile takes; fuses a small one to measure the time."""
        device = self.device
        tile_bytes = (self.grid.step + self.grid.overlap) ** 2 * BYTES_PER_PIXEL
        on_device = device.batch * tile_bytes * device.dtype.itemsize / 4
        return Cost(
            memory=device.threads * tile_bytes if device.on_cpu else CUDA_BYTES,
            device_memory=None if device.on_cpu else on_device,
            seconds_per_pixel=self._seconds_per_pixel(),
            workers=device.threads if device.on_cpu else 1,
        )

    def _seconds_per_pixel(self) -> float:
        """Times the second of two equal runs: the first one starts things up."""
        side = PROBE if self.device.on_cpu else self.grid.step
        count = 1 if self.device.on_cpu else self.device.batch
        multiple = self.fuser.multiple
        window = self.probe_window(-(-side // multiple) * multiple)
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


def _device_options(job: SharpenJob) -> DeviceOptions:
    """Returns the job's; an unfinished output is continued in the precision that it has.

    What is projected is for measurements, and so in float32 unless it is asked for otherwise.
    """
    options = job.device
    if options.precision == "auto" and job.consistency:
        return replace(options, precision="fp32")
    if options.precision != "auto" or job.sink.overwrite:
        return options
    recorded = recorded_setting(own_path(job.output, job.sink.shard), PRECISION)
    return replace(options, precision=recorded) if recorded in DTYPES else options


def _settings(job: SharpenJob, pair: ScenePair, checkpoint: Checkpoint) -> FusionSettings:
    return FusionSettings.of(
        checkpoint,
        **asdict(job.fusion),
        limits=default_limits(pair.ms.dtype),
        consistency=ITERATIONS if job.consistency else 0,
        gains=scene_sensor(job.sensor, pair).ms_gains,
        order=model_order(checkpoint, pair),
        closest_bands=_closest_bands(checkpoint, pair),
    )


def _closest_bands(checkpoint: Checkpoint, pair: ScenePair) -> tuple[int, ...]:
    """Returns the scene's band that goes into each of the model's, where the scene has fewer.

    Empty where the scene has enough bands, or where one of them would be left out.
    """
    if checkpoint.bands is None or pair.bands >= checkpoint.band_count:
        return ()
    closest = closest_bands(checkpoint.bands, band_names(pair))
    return closest if set(closest) == set(range(pair.bands)) else ()


def _warn_of_groups(fuser: ModelFuser) -> None:
    checkpoint = fuser.checkpoint
    if fuser.bands == checkpoint.band_count:
        return
    groups = "; ".join(",".join(str(band + 1) for band in group) for group in fuser.groups)
    guessed = "" if fuser.settings.order else ", taken by their order for that of wavelengths"
    _log.warning(
        "model %s has %d bands, the scene %d: fused in groups of bands (%s)%s; "
        "a model of %d bands would do better%s",
        *(checkpoint.name, checkpoint.band_count, fuser.bands, groups, guessed, fuser.bands),
        FEWER if fuser.bands < checkpoint.band_count else "",
    )


def _digest(checkpoint: Checkpoint) -> str:
    """Returns a hash of a model's weights and of how they are used."""
    use = tuple(getattr(checkpoint, name) for name in USE)
    digest = hashlib.sha256(repr(use).encode())
    for name, tensor in sorted(checkpoint.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
