"""Whatever bytes a file has: a reader reads it, or refuses it in one line, within bounds.

``make fuzz`` tries many more; an input that fails belongs into `tests.fuzz.corpus`.
"""

import os
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ssdiff_models.errors import SsdiffError
from tests.fuzz.bounds import bounded
from tests.fuzz.corpus import CORPUS
from tests.fuzz.readers import READERS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
TOKENS = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"[" * 3000,
    b'"',
    b"\n",
    b"\xed\xa0\x80",
)

Change = tuple[float, int, bytes]
"""Place in the file (0..1), bytes that are taken out, and bytes that are put in."""
changes = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from([0, 1, 1, 4, 100, 1 << 30]),
        st.one_of(st.binary(max_size=4), st.sampled_from(TOKENS)),
    ),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, damage: list[Change]) -> bytes:
    """Returns a file with changes one after the other."""
    for place, gone, new in damage:
        at = int(place * len(content))
        content = content[:at] + new + content[at + gone :]
    return content


@cache
def warmed(name: str, folder: Path) -> None:
    """Reads a good file once: what a reader imports counts for no input."""
    path = folder / READERS[name].name
    path.write_bytes(READERS[name].good())
    with suppress(SsdiffError):
        READERS[name].read(path)


def check(name: str, content: bytes, folder: Path) -> None:
    """Reads a file; whatever is raised must be an error for users."""
    path = folder / READERS[name].name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warmed(name, folder)
        path.write_bytes(content)
        # A lack of memory ends with exit code 5.
        with suppress(SsdiffError, MemoryError), bounded():
            READERS[name].read(path)


@pytest.mark.parametrize("name", READERS)
def test_a_good_file_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / READERS[name].name
    path.write_bytes(READERS[name].good())
    if name in {"released", "hdf5 matlab"}:
        return  # as small as it is, no network has its weights, and Matlab's axes are others
    READERS[name].read(path)


@pytest.mark.parametrize(
    ("name", "number"), [(name, k) for name, inputs in CORPUS.items() for k in range(len(inputs))]
)
def test_what_once_failed(name: str, number: int, tmp_path: Path) -> None:
    check(name, CORPUS[name][number], tmp_path)


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(damage=changes)
@example(damage=[(0.5, 1 << 30, b"")])
@example(damage=[(0.01, 1 << 30, b"")])
@example(damage=[(0.0, 1 << 30, b"")])
def test_damaged_files(name: str, damage: list[Change], tmp_path: Path) -> None:
    check(name, damaged(READERS[name].good(), damage), tmp_path)
