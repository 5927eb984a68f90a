"""Whatever comes, parsers take it or refuse it in plain words: Hypothesis, from the corpus outwards.

By default the same examples each time. `OXYQ_TEST_FUZZ=20000` tries so many new ones of each parser. What fails is
to be saved as a file of the corpus, under a name that says what it is.
"""

import os

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import PARSERS, files
from tests.fuzz.mutations import mutated
from tests.fuzz.parser import check

EXAMPLES = 120
LONG_RUN = os.environ.get("OXYQ_TEST_FUZZ")


@pytest.mark.timeout(0 if LONG_RUN else 60)
@pytest.mark.parametrize("name", PARSERS)
def test_whatever_comes_is_taken_or_refused_in_plain_words(name: str) -> None:
    parser = PARSERS[name]
    inputs: st.SearchStrategy[bytes] = mutated([path.read_bytes() for path in files(name)], parser.words)

    @settings(
        max_examples=int(LONG_RUN or EXAMPLES),
        derandomize=not LONG_RUN,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def try_one(raw: bytes) -> None:
        note(f"save it as tests/fuzz/corpus/{name}/…: {raw!r}")
        check(parser, raw)

    try_one()
