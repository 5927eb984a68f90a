"""What others wrote, made fit for our errors and logs: no secrets, no texts, no numbers, one short line."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"[0-9][0-9 ().\-]{5,}[0-9]")
_MOST: Final = 200


def shown(text: str, *hidden: str, most: int = _MOST) -> str:
    """The text on one line, without what is `hidden`, and of anything like a phone number only its last four digits."""
    for secret in hidden:
        if secret:
            text = text.replace(secret, "…")
    text = _NUMBER.sub(lambda number: f"…{re.sub('[^0-9]', '', number[0])[-4:]}", text[: 10 * most])
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
