"""``ssdiff simulate``: a scene with known truth."""

from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.flags import Json, Overwrite, Quiet, Seed, Verbose

__all__ = ["simulate"]


def simulate(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="Folder for pan.tif, ms.tif and truth.tif.", show_default=False
        ),
    ],
    *,
    sensor: Annotated[
        str,
        typer.Option("--sensor", help="Sensor to simulate: qb, ge1, gf2, wv2, wv3, landsat8, ..."),
    ] = "qb",
    size: Annotated[int, typer.Option("--size", help="Rows and columns of the PAN.")] = 1024,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
    verbose: Verbose = 0,
    quiet: Quiet = 0,
) -> None:
    """Make a scene to play with: fields, a town, a river, seen by a satellite.

    Writes a PAN and an MS whose grids are off by a fraction of a pixel, as real ones are, and the truth that a perfect fusion
    would give. The same options always give the same scene.
    """
    del verbose, quiet  # they act through their callbacks
    from pathlib import Path

    from ssdiff_cli.jobs.simulate import SimulationJob, simulate_scene
    from ssdiff_models.scene.sensors import get
    from ssdiff_models.simulation import SceneSpec

    spec = SceneSpec(sensor=get(sensor), size=size, seed=seed)
    files = simulate_scene(SimulationJob(folder=Path(folder), spec=spec, overwrite=overwrite))
    if json:
        place = {"pan": files.pan, "ms": files.ms, "truth": files.truth}
        record = {
            "sensor": spec.sensor.name,
            "bands": spec.sensor.bands,
            "ratio": spec.sensor.ratio,
            "size": size,
            "seed": seed,
        }
        console.emit_json(place | record)
        return
    for path in (files.pan, files.ms, files.truth):
        console.result(str(path))
