"""``ssdiff adapt``: a model made for one scene out of a shipped one."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand, group_values, section
from ssdiff_cli.options.flags import Json, Ms, Output, Overwrite, Pan
from ssdiff_cli.options.groups import DeviceFlags, ModelFlags, PairFlags

if TYPE_CHECKING:
    from ssdiff_cli.jobs.adapt.job import AdaptResult
    from ssdiff_models.training.adapt import AdaptConfig

__all__ = ["adapt_command"]

_option = section("Training")


@dataclass(frozen=True, slots=True, kw_only=True)
class _AdaptFlags:
    """How to fine-tune."""

    steps: int = _option(default=1500, min=0, help="Most training steps; 0: last layer only.")
    minutes: float = _option(default=9.0, min=0.01, help="Time after which training ends.")
    learning_rate: float = _option(default=3e-4, help="Learning rate.")
    consistency: float = _option(
        "--full-res-weight",
        default=0.0,
        min=0.0,
        help="Weight of the consistency with the MS at full resolution.",
    )
    hqnr_fall: float = _option(
        default=0.002, min=0.0, help="Fall of HQNR at full resolution that the gain may cost."
    )
    seed: int = _option(default=1, min=0, help="Seed of everything random.")

    def parsed(self) -> "AdaptConfig":
        """Returns the settings of the training."""
        from ssdiff_models.training.adapt import AdaptConfig

        return AdaptConfig(**group_values(self, "minutes", "hqnr_fall"))


@expand
def adapt_command(
    pan: Pan,
    ms: Ms,
    output: Output,
    *,
    overwrite: Overwrite = False,
    pair: PairFlags,
    model: ModelFlags,
    training: _AdaptFlags,
    device: DeviceFlags,
    json: Json = False,
) -> None:
    """Fine-tune a model on your own scene, at reduced resolution.

    A quarter of the scene stays unseen and shows the gain, beside the classical methods.
    """
    from ssdiff_cli.jobs.adapt.job import AdaptJob
    from ssdiff_cli.jobs.adapt.run import adapt
    from ssdiff_cli.jobs.sharpen.job import SharpenJob

    scene = SharpenJob(
        pan=pan,
        ms=ms,
        output="",
        pair=pair.parsed(),
        **group_values(model),
        register=pair.registration,
        device=device.parsed(),
    )
    job = AdaptJob(
        sharpen=scene,
        output=output,
        config=training.parsed(),
        seconds=60 * training.minutes,
        hqnr_fall=training.hqnr_fall,
        overwrite=overwrite,
    )
    with console.collected_warnings() as warnings, console.tile_progress("adapting") as progress:
        result = adapt(job, progress)
    console.answer(asdict(result) | {"warnings": warnings}, _lines(result), as_json=json)


def _lines(result: "AdaptResult") -> Iterator[str]:
    yield result.output
    how = {
        "start": "nothing gained",
        "last layer": "a new last layer",
        "training": f"{result.steps} steps",
    }[result.stage]
    start = f"{how}, from {result.base}, in {result.seconds:.0f} s"
    yield f"{start}; the unseen quarter at reduced resolution:"
    for name, scores in result.unseen.items():
        yield f"  {name:12}  SAM {scores['sam']:7.3f}   ERGAS {scores['ergas']:7.3f}"
    yield f"whole scene: HQNR {result.hqnr['before']:.4f} before, {result.hqnr['after']:.4f} after"
