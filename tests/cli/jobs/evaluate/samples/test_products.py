"""Given products."""

import pytest

from ssdiff_cli.jobs.evaluate.samples.products import product_names
from ssdiff_models.errors import UsageError


def test_products_are_called_by_their_names() -> None:
    assert product_names(("/a/x.tif", "/b/y.tif")) == ("x", "y")
    assert product_names(("/a/x.tif", "/b/x.tif")) == ("/a/x.tif", "/b/x.tif")
    with pytest.raises(UsageError, match="given twice"):
        product_names(("x.tif", "x.tif"))
