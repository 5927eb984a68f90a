"""What people write, as it is compared: lower case, no accents, no signs."""

import re
import unicodedata

_WORDS = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """The words of `text` in lower case, without accents and signs, one space between them; "" if it has none."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return " ".join(_WORDS.findall("".join(sign for sign in letters if not unicodedata.combining(sign))))
