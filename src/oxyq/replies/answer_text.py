"""What a language model wrote, made fit for WhatsApp."""

import re
import unicodedata

from oxyq.jobs import MAX_TEXT_CHARACTERS

_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|\n")


def sendable(written: str, *, is_cut: bool = False) -> str:
    """The text without control characters, at most as long as WhatsApp takes; cut at the end of a sentence.

    `is_cut`: the model had to stop in the middle. "" when nothing that can be seen is left.
    """
    kept = "".join(sign for sign in written.replace("\t", " ") if sign == "\n" or not _is_unsendable(sign)).strip()
    if len(kept) > MAX_TEXT_CHARACTERS or is_cut:
        kept = _whole_sentences(kept[:MAX_TEXT_CHARACTERS])
    return kept if any(unicodedata.category(sign)[0] not in "CMZ" for sign in kept) else ""


def _is_unsendable(sign: str) -> bool:
    # Cc: controls; Cs: half an emoji, which cannot be encoded.
    return unicodedata.category(sign) in ("Cc", "Cs")


def _whole_sentences(text: str) -> str:
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    # One sentence that fills it all is better cut than not said.
    return text[: ends[-1]].strip() if ends else text
