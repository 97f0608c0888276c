"""Makes the files of `simulated` and `released/outputs.npz` anew: ``python -m tests.golden.make``.

What it writes is what the code gives. So run it only where the tests on the toolbox's own values pass.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssdiff_models import classical
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff
from ssdiff_models.resampling.degrade import imresize_bicubic, mtf_filter
from ssdiff_models.scene import sensors
from ssdiff_models.simulation import SceneSpec, simulate_pair
from tests.golden import networks, scenes, scores

# MS pixel 0 is centred at PAN index 2, as in the field's data sets.
OFFSET = (0.5, 0.5)
SIZE = 256
PRECISION = 512
"""Fused pixels are rounded to this part of a DN, so that they compress."""

Array = npt.NDArray[Any]


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes arrays as .npz, compressed by LZMA; the same arrays make the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array))


def simulate(sensor: str) -> None:
    """Draws the pair of a sensor and reduces it by Wald's protocol."""
    device = sensors.get(sensor)
    drawn = simulate_pair(SceneSpec(sensor=device, size=SIZE, offset=OFFSET, margin=0))
    truth = drawn.truth[:, scenes.TRUTH, scenes.TRUTH]
    write(
        scenes.FOLDER / f"{sensor}.npz",
        {"pan": drawn.pan, "ms": drawn.ms, "truth": truth},
    )
    pan, ms = (torch.from_numpy(image.astype(np.float64)) for image in (drawn.pan, drawn.ms))
    coarse = mtf_filter(ms, device.ms_gains, scenes.RATIO)[:, 2::4, 2::4]
    write(
        scenes.FOLDER / f"{sensor}_reduced.npz",
        {"pan": _stored(imresize_bicubic(pan, scenes.RATIO)), "ms": _stored(coarse)},
    )


def _stored(image: Tensor) -> npt.NDArray[np.float32]:
    return image.numpy().astype(np.float32)


def fuse(sensor: str) -> dict[str, dict[str, scores.Scores]]:
    """Fuses the pair of a sensor by every method; writes windows and returns scores."""
    pair = scenes.pair(sensor)
    windows: dict[str, Array] = {}
    figures: dict[str, dict[str, scores.Scores]] = {}
    for method in classical.METHODS:
        fused = classical.fuse(
            method, pan=pair.pan, ms=pair.ms, lms=pair.lms, sensor=sensor, ratio=scenes.RATIO
        )
        window = fused[:, scenes.FUSED, scenes.FUSED]
        windows[method] = (np.rint(window * PRECISION) / PRECISION).astype(np.float32)
        inner = fused[:, scenes.TRUTH, scenes.TRUTH]
        full = scores.full_resolution(fused, pair.lms, pair.pan, pair.ms, sensor)
        figures[method] = scores.reduced_resolution(inner, pair.truth) | {"full": full}
    write(scenes.FOLDER / f"{sensor}_fused.npz", windows)
    return figures


def run_networks() -> None:
    """Writes what the released network makes of the drawn inputs."""
    network = ReleasedSSDiff(ReleasedConfig(bands=networks.BANDS))
    network.load_state_dict(networks.state())
    network.eval()
    with torch.inference_mode():
        outputs = {side: network(**networks.inputs(side)).numpy() for side in networks.CASES}
    window = (..., networks.STORED, networks.STORED)
    write(
        networks.FOLDER / "outputs.npz",
        {str(side): output[window] for side, output in outputs.items()},
    )


def main() -> None:
    """Makes everything."""
    for sensor in scenes.SENSORS:
        simulate(sensor)
    values = {sensor: fuse(sensor) for sensor in scenes.SENSORS}
    text = json.dumps(values, indent=1)
    (scenes.FOLDER / "values.json").write_text(f"{text}\n", encoding="utf-8")
    run_networks()


if __name__ == "__main__":
    main()
