"""The corpus: for each parser a folder of small files, whose names say what they are."""

from pathlib import Path

from tests.fuzz.json_parsers import JSON_PARSERS
from tests.fuzz.proof_parsers import PROOF_PARSERS
from tests.fuzz.stored_parsers import STORED_PARSERS
from tests.fuzz.text_parsers import TEXT_PARSERS

PARSERS = {**JSON_PARSERS, **TEXT_PARSERS, **STORED_PARSERS, **PROOF_PARSERS}
FOLDER = Path(__file__).parent / "corpus"


def files(name: str) -> list[Path]:
    """The files of one parser, in the order of their names."""
    return sorted((FOLDER / name).iterdir())
