"""Groups of options that several commands take; `parsed` makes the settings that jobs take.

Each `parsed` raises a `UsageError` when an option cannot be read.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ssdiff_cli import console
from ssdiff_cli.options import parsing
from ssdiff_cli.options.expand import group_values, section
from ssdiff_cli.options.flags import Config, Device, Model, Overwrite, Seed, Sensor, Steps, Threads
from ssdiff_cli.options.names import complete_method
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
    "ModelFlags",
    "PairFlags",
    "PartFlags",
    "SceneFlags",
    "SinkFlags",
    "sharpen_job",
]

_pair = section("Pair")
_output = section("Output")
_model = section("Model")
_device = section("Device")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFlags:
    """How to read a pair."""

    bidx: str | None = _pair("-b", metavar="N[,N…]", help="MS bands, from 1. (default: all)")
    band_names: str | None = _pair(metavar="NAME[,…]", help="Their names. (default: the file's)")
    pan_bidx: int | None = _pair(min=1, help="PAN band, from 1.")
    assume_same_crs: bool = _pair(default=False, help="A missing CRS is the other image's.")
    src_nodata: str | None = _pair(metavar="PAN[,MS]", help="Nodata, instead of the files' own.")
    rpc_dem: str | None = _pair(metavar="FILE", help="Elevation model for images with RPCs only.")
    register: bool = _pair(default=False, help="Find the shift between PAN and MS; correct it.")
    register_local: bool = _pair(
        default=False, help="The same for a shift that changes in the scene."
    )
    config: Config = None

    @property
    def registration(self) -> Literal["no", "global", "local"]:
        """The shift to correct; the local one includes the global one."""
        if self.register_local:
            return "local"
        return "global" if self.register else "no"

    def parsed(self) -> "PairOptions":
        """Returns the options of the pair."""
        from ssdiff_cli.rasters.reading.pair_options import PairOptions

        values = group_values(self, "config", "src_nodata", "register", "register_local")
        values["bidx"] = parsing.band_list(self.bidx)
        values["band_names"] = parsing.name_list(self.band_names)
        values["pan_nodata"], values["ms_nodata"] = parsing.source_nodata(self.src_nodata)
        if "bbox" in values:
            values["bbox"] = parsing.bounding_box(values["bbox"])
        return PairOptions(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFlags(PairFlags):
    """How to read a part of a pair."""

    bbox: str | None = _pair(metavar="XMIN,YMIN,XMAX,YMAX", help="Part of the scene.")
    bbox_crs: str | None = _pair(metavar="CRS", help="CRS of --bbox. (default: the PAN's)")
    aoi: str | None = _pair(metavar="FILE", help="Polygons (GeoJSON, WKT): nodata outside.")
    like: str | None = _pair(metavar="FILE", help="Part that this raster covers.")

    def __post_init__(self) -> None:
        if self.bbox_crs is not None and self.bbox is None and self.aoi is None:
            raise UsageError(
                f"--bbox-crs {self.bbox_crs} says what --bbox or --aoi is in: give one of them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFlags(PartFlags):
    """How to read a part of a pair, and where there is output."""

    extent: Literal["intersection", "pan"] = _pair(
        default="intersection", help="Where there is output."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFlags:
    """How to write an output."""

    overwrite: Overwrite = False
    nodata: str = _output(
        default="inherit", metavar="N|nan|none|inherit", help="Nodata of the output."
    )
    dtype: str | None = _output("-t", metavar="TYPE", help="Data type. (default: the MS's)")
    format: Literal["GTiff", "COG"] = _output(
        "-f", default="GTiff", case_sensitive=False, help="Format of the output."
    )
    co: list[str] | None = _output(metavar="NAME=VALUE", help="GDAL creation option; repeatable.")

    def parsed(self, *, threads: int | None, shard: str | None = None) -> "SinkOptions":
        """Returns the options of the output."""
        from ssdiff_cli.device import processor_threads
        from ssdiff_cli.launcher import read_shard
        from ssdiff_cli.rasters.writing.sink import SinkOptions

        values = group_values(self, "co") | {"nodata": parsing.output_nodata(self.nodata)}
        return SinkOptions(
            **values,
            creation=parsing.creation_options(self.co),
            shard=read_shard(shard, os.environ),
            num_threads=threads or processor_threads(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFlags:
    """Which model fuses."""

    model: Model = None
    sensor: Sensor = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFlags(ModelFlags):
    """Which method fuses."""

    method: str = _model(
        default="ssdiff",
        metavar="NAME",
        autocompletion=complete_method,
        help="ssdiff, exp, brovey, gsa, bt-h, mtf-glp-fs, …",
    )
    consistency: bool = _model(
        "--consistency/--no-consistency",
        default=False,
        show_default=False,
        help="Make the result give the MS back through the MTF: for measurements; "
        "costs halos, ghosts of what moved, and grain.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionFlags:
    """How the network samples."""

    steps: Steps = None
    sampler: Literal["ddim", "dpmpp"] = _model(default="ddim", help="Sampler.")
    seed: Seed = 0
    samples: int = _model(default=1, min=1, help="Samples to average.")
    tile: int | None = _model(min=16, help="Step of tiles, PAN pixels. (default: the model's)")
    overlap: int | None = _model(min=0, help="Overlap, PAN pixels. (default: the model's)")
    sharpness: float = _model(
        default=1.0,
        min=0.0,
        max=2.0,
        help="Detail of the result in parts of the PAN's: less is softer.",
    )

    def parsed(self) -> "FusionOptions":
        """Returns the options of sampling."""
        from ssdiff_cli.jobs.sharpen.job import FusionOptions

        return FusionOptions(**group_values(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlags:
    """Where a network runs."""

    device: Device = "auto"
    threads: Threads = None

    def parsed(self) -> "DeviceOptions":
        """Returns the options of the device."""
        from ssdiff_cli.device import DeviceOptions

        return DeviceOptions(**group_values(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceFlags(DeviceFlags):
    """Where and how a network runs over tiles."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = _device(
        default="auto", help="Arithmetic of the network; auto: bf16 where it is fast."
    )
    batch: int | None = _device("--batch-size", min=1, help="Tiles at a time. (default: by memory)")
    compile: bool = _device(
        default=False, help="Compile the network (CUDA): slow start, faster run."
    )


def sharpen_job(
    pair: SceneFlags,
    method: MethodFlags,
    fusion: FusionFlags,
    device: InferenceFlags,
    *,
    pan: str,
    ms: Sequence[str] | None,
    **others: Any,  # noqa: ANN401 (a job's fields)
) -> "SharpenJob":
    """Returns the job of these groups and of the other fields that it names.

    Where there is no MS, the PAN is a product that holds both; which files those are is told.
    """
    from ssdiff_cli.jobs.sharpen.job import SharpenJob
    from ssdiff_cli.rasters.reading.product import Product, find_product

    product = Product(pan=pan, ms=tuple(ms)) if ms else find_product(pan)
    if not ms:
        console.tell(f"{pan}: {product}")
    first, *more = product.ms
    options = pair.parsed()
    names = options.band_names or product.band_names
    values = group_values(method) | {"method": method.method.lower()} | others
    return SharpenJob(
        pan=product.pan,
        ms=first,
        pair=replace(options, more_ms=tuple(more), band_names=names),
        register=pair.registration,
        fusion=fusion.parsed(),
        device=device.parsed(),
        **values,
    )
