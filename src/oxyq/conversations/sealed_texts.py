"""The texts of a chat as they lie in Redis, where their organization has a key for them, and as they are read."""

from dataclasses import replace
from typing import TypeVar

from oxyq.conversations.entry import Answer, Entry, HistoryLine, Turn
from oxyq.text_keys import TextKey

Said = TypeVar("Said", Answer, Entry, HistoryLine)


def sealed(said: Said, key: TextKey | None) -> Said:
    """What was said, its text sealed if there is a key."""
    return said if key is None or not key.is_there else said.model_copy(update={"text": key.seal(said.text)})


def opened(said: Said, key: TextKey | None) -> Said:
    """What was said, readable; whatever lies in the clear stays so."""
    text = said.text if key is None else key.open(said.text)
    return said if text is said.text else said.model_copy(update={"text": text})


def opened_turn(turn: Turn, key: TextKey | None) -> Turn:
    """All that a turn is about, readable."""
    return replace(
        turn,
        entries=tuple(opened(entry, key) for entry in turn.entries),
        history=tuple(opened(line, key) for line in turn.history),
        answer=None if turn.answer is None else opened(turn.answer, key),
    )
