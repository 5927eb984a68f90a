"""Query parameters to the letter: a misspelt one must not be overlooked."""

import difflib
import re
from typing import TypeVar

from fastapi import Request

from oxyq.errors import InvalidPayload

Word = TypeVar("Word", bound=str)


def query_parameters(request: Request, *known: str) -> dict[str, str]:
    """The parameters of this request; InvalidPayload for unknown and repeated ones."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        shown = ascii(name[:40])[1:-1]
        if name not in known:
            near = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            raise InvalidPayload(shown, f"is not a known query parameter; {hint}")
        if name in found:
            raise InvalidPayload(shown, "is given twice; keep one")
        found[name] = value
    return found


def whole_number(parameters: dict[str, str], name: str, most: int, *, least: int = 0) -> int | None:
    """The parameter as a number from `least` to `most`; None when it is not given."""
    text = parameters.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) or not least <= int(text) <= most:
        raise InvalidPayload(name, f"must be a whole number from {least} to {most}")
    return int(text)


def one_of(parameters: dict[str, str], name: str, *words: Word) -> Word:
    """The parameter as one of these words; the first of them when it is not given."""
    given = parameters.get(name, words[0])
    for word in words:
        if given == word:
            return word
    raise InvalidPayload(name, f"must be {' or '.join(words)}")
