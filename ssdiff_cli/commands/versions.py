"""What ``ssdiff --show-versions`` prints, for bug reports."""

import platform
import sys

from ssdiff_models import __version__

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Returns the versions of ssdiff, Python and the libraries that pixels depend on."""
    import numpy as np
    import torch

    from ssdiff_cli.rasters.gdal import versions as gdal_versions

    return {
        "ssdiff": __version__,
        "Python": sys.version.split()[0],
        "torch": torch.__version__,
        "CUDA": torch.version.cuda or "none",
        "numpy": np.__version__,
        **gdal_versions(),
        "system": platform.platform(),
    }
