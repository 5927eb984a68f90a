"""What waits in a chat, what is answered, and what was said, as they lie in Redis."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from pydantic import BaseModel

from oxyq.jobs import WIRE_CONFIG, InboundMessage
from oxyq.replies.router import Route
from oxyq.replies.turn import Author

MOST_REOPENED: Final = 3


class Entry(BaseModel):
    """A message that waits for an answer: written `at`, come to us `added_at` (ms since 1970)."""

    model_config = WIRE_CONFIG

    job_id: str
    digest: str
    sender: str
    text: str
    at: int
    added_at: int
    message_id: str
    reply_id: str | None = None
    name: str | None = None

    @classmethod
    def of(cls, message: InboundMessage, added_ms: int, now_ms: int) -> "Entry":
        """The entry of a message whose job was added then. A clock that is ahead does not make it never stale."""
        return cls(
            job_id=message.job_id(),
            digest=digest(message),
            sender=message.sender,
            text=message.content,
            at=min(message.timestamp, now_ms),
            added_at=added_ms,
            message_id=message.message_id,
            reply_id=message.reply_id,
            name=message.push_name,
        )


def digest(message: InboundMessage) -> str:
    """What a message is known by in its chat: WhatsApp's id of it, and in a group who wrote it."""
    return blake2b(f"{message.participant or ''}\n{message.message_id}".encode(), digest_size=12).hexdigest()


class Answer(BaseModel):
    """What a turn is answered, kept before it goes out, and the digests of the messages that it answers."""

    model_config = WIRE_CONFIG

    text: str
    route: Route
    hands_off: bool = False
    digests: list[str]
    key: str


class HistoryLine(BaseModel):
    """One message of either side; `id` is WhatsApp's of theirs and of what a person wrote by phone, our key of ours.

    `job_id` is the job that brought it or sent it; `by` is who wrote it through us.
    """

    model_config = WIRE_CONFIG

    author: Author
    text: str
    at: int
    id: str
    route: Route | None = None
    job_id: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A chat whose turn a job has: what waits in it, what was said before, what was decided; times in ms since 1970."""

    entries: tuple[Entry, ...]
    history: tuple[HistoryLine, ...]
    given: int
    """Answers that this job gave already."""
    answer: Answer | None
    first_ms: int
    """Since when the turn waits."""
    silent_until_ms: int
    tries: int
    """How often the answer could not be made."""
    reopened: int
    """How often an answer was thrown away since somebody wrote meanwhile."""

    @property
    def is_worn(self) -> bool:
        """Whether it is answered now, whoever writes meanwhile: who never stops writing is answered all the same."""
        return self.reopened >= MOST_REOPENED
