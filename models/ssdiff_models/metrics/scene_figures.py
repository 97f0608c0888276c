"""All figures without a reference, of scenes that arrive in pieces."""

from collections.abc import Sequence
from typing import Self

from ssdiff_models.metrics.base import Array, Mask
from ssdiff_models.metrics.block_index import pan_lowpass
from ssdiff_models.metrics.detail import Detail, PanFit
from ssdiff_models.metrics.distortions import Distortions
from ssdiff_models.metrics.full_resolution import figures, pan_plane
from ssdiff_models.metrics.local_correlation import LocalCorrelation
from ssdiff_models.metrics.piece import Piece
from ssdiff_models.metrics.reprojection import Reprojection
from ssdiff_models.metrics.sensor_view import Place, find_places
from ssdiff_models.scene import sensors
from ssdiff_models.scene.sensors import Sensor

__all__ = ["FullResolution", "full_resolution_scores"]


class FullResolution:
    """Sums what all figures at full resolution need over the pieces of a scene."""

    def __init__(
        self,
        *,
        sensor: Sensor,
        ratio: int,
        places: Sequence[Place],
        size: tuple[int, int],
        pitch: float | None = None,
    ) -> None:
        """Takes the sensor of the MTF gains, and what `Reprojection` does."""
        bands = len(places)
        gains = sensor.gains(bands)
        self._ratio = ratio
        self._distortions = Distortions(sensor=sensor, ratio=ratio)
        self._correlation = LocalCorrelation(bands, ratio=ratio)
        self._detail = Detail(bands)
        self._fit = PanFit(bands)
        self._reprojection = Reprojection(gains, ratio=ratio, places=places, size=size, pitch=pitch)

    def update(self, piece: Piece) -> Self:
        """Takes one piece.

        Raises:
            InputError: When its images do not fit each other.
        """
        for part in piece.strips(self._ratio):
            self._distortions.add(part)
            self._correlation.add(part)
            self._detail.add(part)
            self._fit.add(part)
            self._reprojection.add(part)
        self._distortions.end_piece()
        return self

    def result(self) -> dict[str, float]:
        """Returns all figures by their names.

        Raises:
            InputError: When no block is wholly valid.
        """
        khan, spatial, spectral = self._distortions.result()
        bands = self._correlation.result()
        fit = self._fit.result()
        return {
            "d_rho": float(bands.mean()),
            "d_rho_worst": float(bands.max()),
            **self._detail.result(),
            **self._reprojection.result(),
            "d_s_r": fit,
            "rqnr": (1 - khan) * (1 - fit),
            **figures(khan, spatial, spectral),
        }


def full_resolution_scores(
    fused: Array,
    lms: Array,
    pan: Array,
    ms: Array,
    *,
    sensor: str | Sensor,
    ratio: int,
    valid: Mask | None = None,
) -> dict[str, float]:
    """Returns all figures at full resolution of one image, its MS located by `find_places`.

    ``d_rho`` and ``d_rho_worst`` are D_rho's mean and largest band; ``gain, corr, slope, other``
    are those of `detail`, ``r_sam`` (degrees), ``r_ergas, r_q2n, d_lambda_align`` those of
    `Reprojection`, ``d_s_r`` is `PanFit`'s; ``rqnr`` is ``(1 - d_lambda_khan)(1 - d_s_r)``.

    Args:
        fused: ``(bands, rows, cols)`` in DN.
        lms: The up-sampled MS, the same shape.
        pan: ``(rows, cols)`` or ``(1, rows, cols)``.
        ms: ``(bands, rows / ratio, cols / ratio)``.
        sensor: Name, or the sensor itself, whose MTF gains are used.
        ratio: PAN pixels per MS pixel.
        valid: ``(rows, cols)``, True where a pixel counts.

    Raises:
        InputError: When the images cannot be compared, or no block is wholly valid.
        UsageError: When the sensor is unknown.
    """
    known = sensors.get(sensor) if isinstance(sensor, str) else sensor
    plane = pan_plane(pan, fused, valid)
    low = pan_lowpass(plane, ratio)
    gains = known.gains(len(fused))
    places = find_places(plane[0], ms, gains=gains, ratio=ratio, valid=valid)
    rows, cols = ms.shape[1:]
    total = FullResolution(sensor=known, ratio=ratio, places=places, size=(rows, cols))
    piece = Piece.whole(fused=fused, lms=lms, pan=plane, pan_low=low, ms=ms, valid=valid)
    return total.update(piece).result()
