"""What a language model is to the rest: asked with a turn, it answers or gives the chat to a person."""

from dataclasses import dataclass
from typing import Protocol

from oxyq.answering import AiSettings
from oxyq.replies.turn import Turn


@dataclass(frozen=True, slots=True)
class AiAnswer:
    """A text to send, or None and a person takes over; `reason` says in a word why, and never what was written."""

    text: str | None
    hands_off: bool
    tokens_in: int = 0
    tokens_out: int = 0
    model: str = ""
    reason: str = ""


class Ai(Protocol):
    """Answers what no rule and no question of the list does."""

    async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
        """The answer to one turn; AiUnavailable when it may work later. Cancelled, it asks nobody any further."""
