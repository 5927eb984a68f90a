"""What errors that happened many times have in common: their text without what differs each time."""

import re
from hashlib import blake2b
from typing import Final

BLANK: Final = "…"
#: As many characters of a text as tell errors apart; the engine keeps 1,000.
LONGEST_PATTERN: Final = 300

#: From left to right, the first alternative that fits: what is kept although it has digits, then what is taken out.
_PARTS: Final = re.compile(
    r"""
      (?P<kept> (?<!\w)(?:code|status|answered|HTTP|errno)[ :=]{1,2}\d{1,6}(?!\w) | \(\d{3}\) )
    | "[^"\n]*" | “[^”\n]*” | «[^»\n]*» | `[^`\n]*` | (?<!\w)'[^'\n]*'(?!\w)
    | (?<!\w)[A-Za-z][A-Za-z0-9+.-]*://[^\s,;)]+          # addresses: of the web, of people, of files
    | (?<![\w.+-])[\w.+-]+@[\w.-]*\w
    | (?<![\w/])(?:/[\w.@+-]+){2,}
    | (?<![\w.+-])\+?[A-Za-z_.+-]*\d(?:[\w.,:+/-]*\w)?      # anything with a digit: numbers, times, ids
    """,
    re.VERBOSE,
)
_BLANKS: Final = re.compile(rf"{BLANK}(?:[ ()+\-]*{BLANK})+")
#: Gateways begin with the key of the message.
_ABOUT: Final = re.compile(rf"{BLANK}: ")


def pattern(text: str) -> str:
    """The text on one line, with `…` for numbers, ids, addresses and what stands in quotes.

    Codes stay ("code 131026", "answered 502", "(401)"): they say what the error is.
    """
    cut = " ".join(text[:1000].split())
    blanked = _BLANKS.sub(BLANK, _PARTS.sub(lambda part: part["kept"] or BLANK, cut))
    about = _ABOUT.match(blanked)
    return (blanked[about.end() :] if about else blanked)[:LONGEST_PATTERN]


def fingerprint(error_class: str, text_pattern: str) -> str:
    """16 hex digits that are equal for errors of one class with one pattern."""
    return blake2b(f"{error_class}\n{text_pattern.casefold()}".encode(errors="replace"), digest_size=8).hexdigest()
