"""Classical pansharpening by the field's reference definitions.

Component substitution, multiresolution analysis and BDSD, each written once. Statistics of the
scene are sums over blocks; from them follows a rule of frozen numbers; the rule is applied to
blocks. `fuse` takes arrays as a single block, `stream` scenes of any size.
"""

from ssdiff_models.classical.fuse import fuse
from ssdiff_models.classical.method import RATIO_LIMIT
from ssdiff_models.classical.registry import METHODS
from ssdiff_models.classical.stream import ClassicalFuser, stream

__all__ = ["METHODS", "RATIO_LIMIT", "ClassicalFuser", "fuse", "stream"]
