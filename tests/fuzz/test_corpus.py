"""Every file of the corpus is taken or refused in plain words, and quickly; what was once found stays found."""

import time

import pytest

from tests.fuzz.corpus import FOLDER, PARSERS, files
from tests.fuzz.parser import check

#: Of this process's own time, for a file of any kind: hundreds of times what they need.
MOST_SECONDS = 2.0


def test_every_parser_has_its_files_and_every_folder_its_parser() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PARSERS)


@pytest.mark.parametrize("name", PARSERS)
def test_each_file_is_taken_or_refused_in_plain_words(name: str) -> None:
    for path in files(name):
        started = time.process_time()
        is_taken = check(PARSERS[name], path.read_bytes())
        assert time.process_time() - started < MOST_SECONDS, path.name
        # The name says what is to come of it: a parser that refused all would pass otherwise.
        assert path.name.startswith("good" if is_taken else "bad"), f"{path}: {'taken' if is_taken else 'refused'}"
