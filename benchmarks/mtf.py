"""The MTF gains that real pairs tell, beside the table's of their sensors.

Usage: ``python -m benchmarks.mtf FOLDER [--without SENSOR]``; the folder has an ``index.json``.
"""

import json
import sys
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from benchmarks.wald_scenes import scene_parser
from ssdiff_cli.jobs.sharpen.mtf import with_estimated_mtf
from ssdiff_cli.jobs.sharpen.shift import measure_shift
from ssdiff_cli.rasters.gdal import raster_env
from ssdiff_cli.rasters.reading.pair import open_pair
from ssdiff_cli.rasters.reading.pair_options import PairOptions
from ssdiff_models.errors import UsageError
from ssdiff_models.scene import sensors
from ssdiff_models.scene.mtf_estimate import MtfEstimate


def main(arguments: Sequence[str]) -> None:
    """Prints a row for each full-resolution pair."""
    options = scene_parser(__doc__, split=None).parse_args(arguments)
    print("| scene | table | estimated | seconds |\n|---|---|---|---|")
    for record in json.loads((options.folder / "index.json").read_text())["pairs"]:
        if record["kind"] != "full-res" or record["sensor"] in options.without:
            continue
        found, seconds = _estimate(options.folder / record["path"], record["ratio"])
        print(
            f"| {record['path']} | {_table(record)} | {_text(found)} | {seconds:.2f} |", flush=True
        )


def _estimate(folder: Any, ratio: int) -> tuple[MtfEstimate, float]:
    pan, ms = (str(folder / name) for name in ("pan.tif", "ms.tif"))
    with raster_env(), open_pair(pan, ms, options=PairOptions(ratio=ratio)) as pair:
        shift = measure_shift(pair)
        started = time.process_time()
        found = with_estimated_mtf(pair, shift).mtf
        assert found is not None
        return found, time.process_time() - started


def _table(record: dict[str, Any]) -> str:
    try:
        sensor = sensors.get(record["sensor"])
    except UsageError:
        return "unknown sensor"
    return _range(sensor.gains(len(record["bands"]), tuple(record["bands"])))


def _text(found: MtfEstimate) -> str:
    errors = [error for error in found.errors if error is not None]
    if not errors:
        return "too small or too unlike"
    return f"{_range(found.gains)} ± {max(fmean(errors), 0.01):.2f}"


def _range(gains: Sequence[float]) -> str:
    return " ".join(f"{gain:.2f}" for gain in gains)


if __name__ == "__main__":
    main(sys.argv[1:])
