"""``ssdiff simulate``: a scene with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.options.expand import expand
from ssdiff_cli.options.flags import Json, Overwrite, Seed

__all__ = ["simulate_command"]


@expand
def simulate_command(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Folder for pan.tif, ms.tif and truth.tif.")
    ],
    *,
    overwrite: Overwrite = False,
    json: Json = False,
    sensor: Annotated[
        str, typer.Option(metavar="NAME", help="qb, ge1, gf2, wv2, wv3, landsat8, …")
    ] = "qb",
    size: Annotated[int, typer.Option(metavar="N", help="Rows and columns of the PAN.")] = 1024,
    seed: Seed = 0,
) -> None:
    """Make a scene with known truth.

    Shows fields, a town and a river. Writes a PAN and an MS whose grids are off by a fraction of a
    pixel, as real ones are, and the truth that a perfect fusion would give. The same options always
    give the same scene.
    """
    from ssdiff_cli.jobs.simulate import simulate_scene
    from ssdiff_models.scene.sensors import get
    from ssdiff_models.simulation import SceneSpec

    spec = SceneSpec(sensor=get(sensor), size=size, seed=seed)
    files = simulate_scene(spec, Path(folder), overwrite=overwrite)
    record = {
        "pan": files.pan,
        "ms": files.ms,
        "truth": files.truth,
        "sensor": spec.sensor.name,
        "bands": spec.sensor.bands,
        "ratio": spec.sensor.ratio,
        "size": size,
        "seed": seed,
    }
    console.answer(record, map(str, (files.pan, files.ms, files.truth)), as_json=json)
