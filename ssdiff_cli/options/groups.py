"""Groups of options that several commands take; each makes the settings that jobs take."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from ssdiff_cli.options.flags import (
    Device,
    Model,
    Overwrite,
    Seed,
    Sensor,
    Steps,
    Threads,
    device_option,
    model_option,
    output_option,
    pair_option,
)
from ssdiff_cli.options.parsing import (
    band_list,
    bounding_box,
    creation_options,
    output_nodata,
    source_nodata,
)
from ssdiff_models.errors import UsageError

if TYPE_CHECKING:
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.sharpen.job import SharpenJob
    from ssdiff_cli.rasters.reading.pair_options import PairOptions
    from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = [
    "DeviceFlags",
    "FusionFlags",
    "InferenceFlags",
    "PairFlags",
    "PartFlags",
    "SceneFlags",
    "SinkFlags",
    "sharpen_job",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFlags:
    """How to read a pair."""

    bidx: Annotated[
        str | None,
        pair_option("--bidx", "-b", metavar="N[,N…]", help="MS bands, from 1. (default: all)"),
    ] = None
    pan_bidx: Annotated[
        int | None, pair_option("--pan-bidx", metavar="N", min=1, help="PAN band, from 1.")
    ] = None
    assume_same_crs: Annotated[
        bool, pair_option("--assume-same-crs", help="A missing CRS is the other image's.")
    ] = False
    src_nodata: Annotated[
        str | None,
        pair_option("--src-nodata", metavar="PAN[,MS]", help="Nodata, instead of the files' own."),
    ] = None
    rpc_dem: Annotated[
        str | None,
        pair_option("--rpc-dem", metavar="FILE", help="Elevation model for images with RPCs only."),
    ] = None
    register: Annotated[
        bool, pair_option("--register", help="Find the shift between PAN and MS; correct it.")
    ] = False
    register_local: Annotated[
        bool,
        pair_option("--register-local", help="The same for a shift that changes over the scene."),
    ] = False

    @property
    def registration(self) -> Literal["no", "global", "local"]:
        """The shift to correct; the local one includes the global one."""
        if self.register_local:
            return "local"
        return "global" if self.register else "no"

    def parsed(self) -> "PairOptions":
        """Returns the options of the pair.

        Raises:
            UsageError: When an option cannot be read.
        """
        from ssdiff_cli.rasters.reading.pair_options import PairOptions

        pan_nodata, ms_nodata = source_nodata(self.src_nodata)
        return PairOptions(
            bidx=band_list(self.bidx),
            pan_bidx=self.pan_bidx,
            assume_same_crs=self.assume_same_crs,
            pan_nodata=pan_nodata,
            ms_nodata=ms_nodata,
            rpc_dem=self.rpc_dem,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFlags(PairFlags):
    """How to read a pair or a part of it."""

    bbox: Annotated[
        str | None,
        pair_option("--bbox", metavar="XMIN,YMIN,XMAX,YMAX", help="Part of the scene."),
    ] = None
    bbox_crs: Annotated[
        str | None,
        pair_option("--bbox-crs", metavar="CRS", help="CRS of --bbox. (default: the PAN's)"),
    ] = None
    aoi: Annotated[
        str | None,
        pair_option("--aoi", metavar="FILE", help="Polygons (GeoJSON, WKT): nodata outside."),
    ] = None
    like: Annotated[
        str | None,
        pair_option("--like", metavar="FILE", help="Part that this raster covers."),
    ] = None

    def parsed(self) -> "PairOptions":
        """Returns the options of the pair.

        Raises:
            UsageError: When an option cannot be read, or a CRS has no box.
        """
        if self.bbox_crs is not None and self.bbox is None and self.aoi is None:
            raise UsageError(
                f"--bbox-crs {self.bbox_crs} says what --bbox or --aoi is in: give one of them"
            )
        return replace(
            PairFlags.parsed(self),
            bbox=bounding_box(self.bbox),
            bbox_crs=self.bbox_crs,
            aoi=self.aoi,
            like=self.like,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFlags(PartFlags):
    """How to read a pair or a part of it, and where there is output."""

    extent: Annotated[
        Literal["intersection", "pan"],
        pair_option("--extent", metavar="intersection|pan", help="Where there is output."),
    ] = "intersection"

    def parsed(self) -> "PairOptions":
        """Returns the options of the pair.

        Raises:
            UsageError: When an option cannot be read, or a CRS has no box.
        """
        return replace(PartFlags.parsed(self), extent=self.extent)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFlags:
    """How to write an output."""

    overwrite: Overwrite = False
    nodata: Annotated[
        str,
        output_option("--nodata", metavar="N|nan|none|inherit", help="Nodata of the output."),
    ] = "inherit"
    dtype: Annotated[
        str | None,
        output_option("--dtype", "-t", metavar="TYPE", help="Data type. (default: the MS's)"),
    ] = None
    file_format: Annotated[
        Literal["GTiff", "COG"],
        output_option("--format", "-f", metavar="GTiff|COG", help="Format of the output."),
    ] = "GTiff"
    co: Annotated[
        list[str] | None,
        output_option("--co", metavar="NAME=VALUE", help="GDAL creation option; repeatable."),
    ] = None

    def parsed(self, *, threads: int | None, shard: str | None = None) -> "SinkOptions":
        """Returns the options of the output.

        Raises:
            UsageError: When an option cannot be read.
        """
        from ssdiff_cli.device import processor_threads
        from ssdiff_cli.launcher import read_shard
        from ssdiff_cli.rasters.writing.sink import SinkOptions

        return SinkOptions(
            format=self.file_format,
            dtype=self.dtype,
            nodata=output_nodata(self.nodata),
            creation=creation_options(self.co),
            overwrite=self.overwrite,
            shard=read_shard(shard, os.environ),
            num_threads=threads or processor_threads(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionFlags:
    """What fuses, and how."""

    method: Annotated[
        str,
        model_option(
            "--method", metavar="NAME", help="ssdiff, exp, brovey, gsa, bt-h, mtf-glp-fs, …"
        ),
    ] = "ssdiff"
    model: Model = None
    sensor: Sensor = None
    steps: Steps = None
    sampler: Annotated[
        Literal["ddim", "dpmpp"], model_option("--sampler", metavar="ddim|dpmpp", help="Sampler.")
    ] = "ddim"
    seed: Seed = 0
    samples: Annotated[
        int, model_option("--samples", metavar="N", min=1, help="Samples to average.")
    ] = 1
    tile: Annotated[
        int | None,
        model_option(
            "--tile", metavar="N", min=16, help="Step of tiles, PAN pixels. (default: the model's)"
        ),
    ] = None
    overlap: Annotated[
        int | None,
        model_option(
            "--overlap",
            metavar="N",
            min=0,
            help="Their overlap, PAN pixels. (default: the model's)",
        ),
    ] = None
    consistency: Annotated[
        bool,
        model_option(
            "--consistency/--no-consistency",
            show_default=False,
            help="Make the result give the MS back through the MTF: for measurements; "
            "costs halos, ghosts of what moved, and grain.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlags:
    """Where a network runs."""

    device: Device = "auto"
    num_threads: Threads = None

    def parsed(self) -> "DeviceOptions":
        """Returns the options of the device."""
        from ssdiff_cli.device import DeviceOptions

        return DeviceOptions(device=self.device, threads=self.num_threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceFlags(DeviceFlags):
    """Where and how a network runs over tiles."""

    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        device_option(
            "--precision", metavar="auto|fp32|bf16|fp16", help="Arithmetic of the network."
        ),
    ] = "auto"
    batch_size: Annotated[
        int | None,
        device_option(
            "--batch-size", metavar="N", min=1, help="Tiles at a time. (default: by memory)"
        ),
    ] = None
    compile: Annotated[
        bool, device_option("--compile", help="Compile the network (CUDA): slow start, faster run.")
    ] = False

    def parsed(self) -> "DeviceOptions":
        """Returns the options of the device."""
        return replace(
            DeviceFlags.parsed(self),
            precision=self.precision,
            batch=self.batch_size,
            compile=self.compile,
        )


def sharpen_job(pair: SceneFlags, fusion: FusionFlags, device: InferenceFlags) -> "SharpenJob":
    """Returns what the options say of a fusion; its files are still to be named.

    Raises:
        UsageError: When an option cannot be read.
    """
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob

    return SharpenJob(
        pan="",
        ms="",
        output="",
        pair=pair.parsed(),
        method=fusion.method.lower(),
        model=fusion.model,
        sensor=fusion.sensor,
        register=pair.registration,
        consistency=fusion.consistency,
        fusion=FusionOptions(
            steps=fusion.steps,
            sampler=fusion.sampler,
            seed=fusion.seed,
            samples=fusion.samples,
            tile=fusion.tile,
            overlap=fusion.overlap,
        ),
        device=device.parsed(),
    )
