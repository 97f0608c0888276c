"""Radiometry of a scene from a bounded sample that depends on no tile, area or overview."""

from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sampling import band_statistics, statistics_windows
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["sample_statistics"]


def sample_statistics(bands: Bands, region: Window) -> tuple[BandStatistics, ...]:
    """Returns each band's mean, standard deviation and range from valid pixels in `region`.

    Raises:
        InputError: When no sampled pixel is valid.
    """
    samples = []
    for window in statistics_windows(region):
        values, valid = bands.read(window)
        samples.append(values[:, valid])
    if not any(sample.size for sample in samples):
        raise InputError(
            f"{bands.path}: has no valid pixel where PAN and MS overlap: "
            "check its nodata value and mask"
        )
    return band_statistics(samples, bands.zeros)
