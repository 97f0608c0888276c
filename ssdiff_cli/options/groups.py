"""Groups of options that several commands take; `parsed` makes the settings that jobs take.

Each `parsed` raises a `UsageError` when an option cannot be read.
"""

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ssdiff_cli.options import parsing
from ssdiff_cli.options.flags import (
    Device,
    Model,
    Overwrite,
    Seed,
    Sensor,
    Steps,
    Threads,
    of_device,
    of_model,
    of_output,
    of_pair,
)
from ssdiff_models.errors import UsageError

if TYPE_CHECKING:
    from ssdiff_cli.device import DeviceOptions
    from ssdiff_cli.jobs.sharpen.job import FusionOptions, SharpenJob
    from ssdiff_cli.rasters.reading.pair_options import PairOptions
    from ssdiff_cli.rasters.writing.sink import SinkOptions

__all__ = [
    "DeviceFlags",
    "FusionFlags",
    "InferenceFlags",
    "MethodFlags",
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
        of_pair("--bidx", "-b", metavar="N[,N…]", help="MS bands, from 1. (default: all)"),
    ] = None
    pan_bidx: Annotated[int | None, of_pair(metavar="N", min=1, help="PAN band, from 1.")] = None
    assume_same_crs: Annotated[
        bool, of_pair("--assume-same-crs", help="A missing CRS is the other image's.")
    ] = False
    src_nodata: Annotated[
        str | None, of_pair(metavar="PAN[,MS]", help="Nodata, instead of the files' own.")
    ] = None
    rpc_dem: Annotated[
        str | None, of_pair(metavar="FILE", help="Elevation model for images with RPCs only.")
    ] = None
    register: Annotated[
        bool, of_pair("--register", help="Find the shift between PAN and MS; correct it.")
    ] = False
    register_local: Annotated[
        bool, of_pair("--register-local", help="The same for a shift that changes in the scene.")
    ] = False

    @property
    def registration(self) -> Literal["no", "global", "local"]:
        """The shift to correct; the local one includes the global one."""
        if self.register_local:
            return "local"
        return "global" if self.register else "no"

    def parsed(self) -> "PairOptions":
        """Returns the options of the pair."""
        from ssdiff_cli.rasters.reading.pair_options import PairOptions

        values = _values(self, "src_nodata", "register", "register_local")
        values["bidx"] = parsing.band_list(self.bidx)
        values["pan_nodata"], values["ms_nodata"] = parsing.source_nodata(self.src_nodata)
        if "bbox" in values:
            values["bbox"] = parsing.bounding_box(values["bbox"])
        return PairOptions(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFlags(PairFlags):
    """How to read a part of a pair."""

    bbox: Annotated[
        str | None, of_pair(metavar="XMIN,YMIN,XMAX,YMAX", help="Part of the scene.")
    ] = None
    bbox_crs: Annotated[
        str | None, of_pair(metavar="CRS", help="CRS of --bbox. (default: the PAN's)")
    ] = None
    aoi: Annotated[
        str | None, of_pair(metavar="FILE", help="Polygons (GeoJSON, WKT): nodata outside.")
    ] = None
    like: Annotated[str | None, of_pair(metavar="FILE", help="Part that this raster covers.")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.bbox_crs is not None and self.bbox is None and self.aoi is None:
            raise UsageError(
                f"--bbox-crs {self.bbox_crs} says what --bbox or --aoi is in: give one of them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFlags(PartFlags):
    """How to read a part of a pair, and where there is output."""

    extent: Annotated[
        Literal["intersection", "pan"],
        of_pair(metavar="intersection|pan", help="Where there is output."),
    ] = "intersection"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFlags:
    """How to write an output."""

    overwrite: Overwrite = False
    nodata: Annotated[
        str, of_output(metavar="N|nan|none|inherit", help="Nodata of the output.")
    ] = "inherit"
    dtype: Annotated[
        str | None,
        of_output("--dtype", "-t", metavar="TYPE", help="Data type. (default: the MS's)"),
    ] = None
    format: Annotated[
        Literal["GTiff", "COG"],
        of_output("--format", "-f", metavar="GTiff|COG", help="Format of the output."),
    ] = "GTiff"
    co: Annotated[
        list[str] | None,
        of_output(metavar="NAME=VALUE", help="GDAL creation option; repeatable."),
    ] = None

    def parsed(self, *, threads: int | None, shard: str | None = None) -> "SinkOptions":
        """Returns the options of the output."""
        from ssdiff_cli.device import processor_threads
        from ssdiff_cli.launcher import read_shard
        from ssdiff_cli.rasters.writing.sink import SinkOptions

        values = _values(self, "co") | {"nodata": parsing.output_nodata(self.nodata)}
        return SinkOptions(
            **values,
            creation=parsing.creation_options(self.co),
            shard=read_shard(shard, os.environ),
            num_threads=threads or processor_threads(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFlags:
    """What fuses."""

    method: Annotated[
        str, of_model(metavar="NAME", help="ssdiff, exp, brovey, gsa, bt-h, mtf-glp-fs, …")
    ] = "ssdiff"
    model: Model = None
    sensor: Sensor = None
    consistency: Annotated[
        bool,
        of_model(
            show_default=False,
            help="Make the result give the MS back through the MTF: for measurements; "
            "costs halos, ghosts of what moved, and grain.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionFlags:
    """How the network samples."""

    steps: Steps = None
    sampler: Annotated[
        Literal["ddim", "dpmpp"], of_model(metavar="ddim|dpmpp", help="Sampler.")
    ] = "ddim"
    seed: Seed = 0
    samples: Annotated[int, of_model(metavar="N", min=1, help="Samples to average.")] = 1
    tile: Annotated[
        int | None,
        of_model(metavar="N", min=16, help="Step of tiles, PAN pixels. (default: the model's)"),
    ] = None
    overlap: Annotated[
        int | None,
        of_model(metavar="N", min=0, help="Overlap, PAN pixels. (default: the model's)"),
    ] = None

    def parsed(self) -> "FusionOptions":
        """Returns the options of sampling."""
        from ssdiff_cli.jobs.sharpen.job import FusionOptions

        return FusionOptions(**_values(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlags:
    """Where a network runs."""

    device: Device = "auto"
    threads: Threads = None

    def parsed(self) -> "DeviceOptions":
        """Returns the options of the device."""
        from ssdiff_cli.device import DeviceOptions

        return DeviceOptions(**_values(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceFlags(DeviceFlags):
    """Where and how a network runs over tiles."""

    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        of_device(metavar="auto|fp32|bf16|fp16", help="Arithmetic of the network."),
    ] = "auto"
    batch: Annotated[
        int | None,
        of_device("--batch-size", metavar="N", min=1, help="Tiles at a time. (default: by memory)"),
    ] = None
    compile: Annotated[
        bool, of_device("--compile", help="Compile the network (CUDA): slow start, faster run.")
    ] = False


def sharpen_job(
    pair: SceneFlags, method: MethodFlags, fusion: FusionFlags, device: InferenceFlags
) -> "SharpenJob":
    """Returns what the options say of a fusion; its files are still to be named."""
    from ssdiff_cli.jobs.sharpen.job import SharpenJob

    values = _values(method) | {"method": method.method.lower()}
    return SharpenJob(
        pan="",
        ms="",
        output="",
        pair=pair.parsed(),
        register=pair.registration,
        fusion=fusion.parsed(),
        device=device.parsed(),
        **values,
    )


def _values(flags: Any, *without: str) -> dict[str, Any]:  # noqa: ANN401 (a group)
    names = [field.name for field in fields(flags) if field.name not in without]
    return {name: getattr(flags, name) for name in names}
