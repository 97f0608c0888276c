"""The classical methods by name."""

from collections.abc import Mapping

from ssdiff_models.classical.awlp import Awlp
from ssdiff_models.classical.bdsd import Bdsd
from ssdiff_models.classical.component_substitution import (
    Brovey,
    Exp,
    GramSchmidt,
    GramSchmidtAdaptive,
)
from ssdiff_models.classical.haze_ratio import BroveyHaze, HazeMethod
from ssdiff_models.classical.method import Method
from ssdiff_models.classical.multiresolution import (
    AdditiveRule,
    Equalised,
    HazeModulated,
    Injection,
    ModulatedRule,
    Regressed,
)
from ssdiff_models.classical.pracs import Pracs
from ssdiff_models.errors import UsageError

__all__ = ["METHODS", "NEED_GAINS", "NEED_HAZE", "find"]

_KNOWN: Mapping[str, Method] = {
    "exp": Exp(),
    "brovey": Brovey(),
    "gs": GramSchmidt(),
    "gsa": GramSchmidtAdaptive(),
    "bt-h": BroveyHaze(),
    "bdsd": Bdsd(physical=False),
    "bdsd-pc": Bdsd(physical=True),
    "mtf-glp": Equalised(AdditiveRule),
    "mtf-glp-fs": Regressed(AdditiveRule, Injection.FULL_SCALE),
    "mtf-glp-hpm": Equalised(ModulatedRule),
    "mtf-glp-hpm-r": Regressed(ModulatedRule, Injection.LOW_SCALE),
    "mtf-glp-hpm-h": HazeModulated(),
    "mtf-glp-cbd": Regressed(AdditiveRule, Injection.LOW_SCALE),
    "pracs": Pracs(),
    "awlp": Awlp(),
}

METHODS: tuple[str, ...] = tuple(_KNOWN)
"""Names, as in ``--method``."""

NEED_HAZE = tuple(name for name, method in _KNOWN.items() if isinstance(method, HazeMethod))
"""Methods that take off the haze of each band by its colour."""

NEED_GAINS = (*(name for name in _KNOWN if name.startswith("mtf-")), "bdsd", "bdsd-pc")
"""Methods that filter the PAN with the MTF of each band."""


def find(name: str) -> Method:
    """Returns the method of that name, in any case.

    Raises:
        UsageError: When there is none; the message lists the known ones.
    """
    found = _KNOWN.get(name.strip().lower())
    if found is None:
        raise UsageError(f"unknown method {name!r}: known are {', '.join(METHODS)}")
    return found
