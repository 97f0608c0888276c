"""Small rasters: what is written is read again, and nothing half-written has a name."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from ssdiff_cli.rasters.whole_raster import GeoTiff, read_raster_header, read_whole, write_geotiff
from ssdiff_cli.rasters.writing.tiff_tiles import read_pages
from ssdiff_models.errors import InputError, ResourceError
from tests.limits import file_size_limit

PLACE = Affine(2.0, 0.0, 500_000.0, 0.0, -2.0, 4_600_000.0)
HEADER = GeoTiff(
    transform=PLACE, crs="EPSG:32631", names=("red", "nir"), nodata=0, tags={"SENSOR": "x"}
)


def pixels() -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    image = np.random.default_rng(1).integers(1, 4000, (2, 40, 50)).astype(np.uint16)
    image[1, 3, 4] = 0
    return image


def test_pixels_places_and_names_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_geotiff(path, pixels(), HEADER)
    raster = read_whole(str(path))
    assert np.array_equal(raster.pixels, pixels())
    assert np.argwhere(~raster.valid).tolist() == [[3, 4]]
    assert raster.zeros == (0.0, 0.0)
    header = read_raster_header(str(path))
    assert (header.shape, header.transform, header.crs) == ((2, 40, 50), PLACE, "EPSG:32631")
    assert header.names == raster.names == ("red", "nir")
    with rasterio.open(path) as file:
        assert file.tags()["SENSOR"] == "x"
        assert [colour.name for colour in file.colorinterp] == ["red", "undefined"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


def test_the_centre_of_the_first_pixel_lies_in_the_other_raster(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "ms.tif", pixels(), HEADER)
    pan = GeoTiff(transform=PLACE @ Affine.translation(-1, -2) @ Affine.scale(0.25), crs=None)
    write_geotiff(tmp_path / "pan.tif", pixels()[0], pan)
    first = read_raster_header(str(tmp_path / "ms.tif"))
    assert first.centre_in(read_raster_header(str(tmp_path / "pan.tif"))) == (9.5, 5.5)


def test_a_file_that_is_no_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("no raster")
    with pytest.raises(InputError, match=r"a\.tif"):
        read_whole(str(path))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_geotiff(path, pixels(), HEADER)
    data = path.read_bytes()
    start = read_pages(data)[0].offsets.read(data, 0)
    path.write_bytes(data[:start] + bytes(100) + data[start + 100 :])
    with pytest.raises(InputError, match="cannot read its pixels"):
        read_whole(str(path))


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with file_size_limit(2000), pytest.raises(ResourceError, match="cannot be written"):
        write_geotiff(path, pixels(), HEADER)
    assert list(tmp_path.iterdir()) == []
