"""What is fused: windows, sources, band statistics, sensors."""

from ssdiff_models.scene.source import Patch, Sink, Source
from ssdiff_models.scene.windows import Window

__all__ = ["Patch", "Sink", "Source", "Window"]
