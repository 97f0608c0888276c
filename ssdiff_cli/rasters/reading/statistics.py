"""Radiometry of a whole scene from a bounded sample that does not depend on tiles, areas of interest or overviews."""

from ssdiff_cli.rasters.reading.bands import Bands
from ssdiff_models.errors import InputError
from ssdiff_models.scene.sampling import band_statistics, statistics_windows
from ssdiff_models.scene.statistics import BandStatistics
from ssdiff_models.scene.windows import Window

__all__ = ["sample_statistics"]


def sample_statistics(bands: Bands, region: Window) -> tuple[BandStatistics, ...]:
    """Returns mean, standard deviation and range of the valid pixels sampled in `region`, one entry per band.

    Raises:
        InputError: When no sampled pixel is valid.
    """
    pieces = []
    for window in statistics_windows(region):
        values, valid = bands.read(window)
        pieces.append(values[:, valid])
    if not any(piece.shape[1] for piece in pieces):
        raise InputError(
            f"{bands.path}: has no valid pixel where PAN and MS overlap: check its nodata value and mask"
        )
    return band_statistics(pieces, bands.black)
