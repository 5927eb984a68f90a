"""Chats as people read them: every message in its order, what became of ours, and who wrote it."""

import asyncio
from dataclasses import dataclass
from typing import Literal, TypeAlias

from oxyq.conversations.entry import Answer, Entry, HistoryLine
from oxyq.conversations.store import Chat, ConversationStore
from oxyq.engine.queue import Queue
from oxyq.replies.router import Route
from oxyq.replies.turn import Author
from oxyq.sending.ledger import Ledger, State

Status: TypeAlias = State | Literal["unanswered", "unknown"]
"""`unanswered`: theirs, and nobody has seen to it yet. `unknown`: ours, and longer ago than the ledger remembers."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `id` as in `HistoryLine`, `by` who of the organization wrote it through us.

    `status` is None where there is none to tell: theirs that are answered, and what a person wrote by phone.
    """

    author: Author
    text: str
    at_ms: int
    id: str
    route: Route | None = None
    by: str | None = None
    job_id: str | None = None
    status: Status | None = None
    reason: str = ""

    @property
    def queue(self) -> str:
        """The queue of its job."""
        return "automation" if self.route == "automation" else "message"


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A chat in a list, with what was said in it last."""

    chat: Chat
    last: Message | None


class Transcripts:
    """Reads chats; raises QueueUnavailable."""

    def __init__(self, conversations: ConversationStore, ledger: Ledger, queue: Queue) -> None:
        self._conversations = conversations
        self._ledger = ledger
        self._queue = queue

    async def latest(
        self, organization_id: str, count: int, *, after: tuple[int, str] | None = None
    ) -> list[ChatSummary]:
        """The chats in which something was said last, newest first; `after` as in `ConversationStore.latest`."""
        return await self.summaries(await self._conversations.latest(organization_id, count, after=after))

    async def summaries(self, chats: list[Chat]) -> list[ChatSummary]:
        """These chats, each with what was said in it last; two round trips for all."""
        lines = await self._conversations.last_lines([chat.place for chat in chats])
        return [
            ChatSummary(chat, None if line is None else _of_entry(line) if isinstance(line, Entry) else _of_line(line))
            for chat, line in zip(chats, lines, strict=True)
        ]

    async def of(self, chat: Chat) -> list[Message]:
        """All that is remembered of a chat (at most 500 messages and 100 that wait), oldest first."""
        lines, (entries, answer) = await asyncio.gather(
            self._conversations.history(chat.place), self._conversations.unanswered(chat.place)
        )
        # A turn is written down when it ends, so what a person wrote meanwhile stands before it.
        messages = sorted([*map(_of_line, lines), *map(_of_entry, entries)], key=lambda message: message.at_ms)
        if answer is not None:
            messages.append(_of_answer(answer, messages[-1].at_ms if messages else chat.last_ms))
        organization_id = chat.place.organization_id
        return list(await asyncio.gather(*(self._with_status(message, organization_id) for message in messages)))

    async def _with_status(self, message: Message, organization_id: str) -> Message:
        if message.job_id is None or message.author == "them":
            return message
        entry = await self._ledger.entry(organization_id, message.id)
        status: Status = "unknown" if entry is None else entry.state
        reason = ""
        if status in ("unknown", "refused") and message.queue == "message":
            # Not sent yet, given up, or long ago: its job says which.
            record = await self._queue.job(message.job_id)
            if record is not None and record.finished_ms is None:
                status = "planned"
            elif record is not None and record.failed_reason:
                status, reason = "failed", record.failed_reason
        return Message(
            message.author, message.text, message.at_ms, message.id, message.route, message.by, message.job_id,
            status, reason,
        )  # fmt: skip


def _of_line(line: HistoryLine) -> Message:
    # Lines of earlier versions name their job only in their key.
    job_id = line.job_id or (line.id.rpartition("/")[0] or None if line.author == "us" else None)
    return Message(line.author, line.text, line.at, line.id, line.route, line.by, job_id)


def _of_entry(entry: Entry) -> Message:
    return Message("them", entry.text, entry.at, entry.message_id, job_id=entry.job_id, status="unanswered")


def _of_answer(answer: Answer, at_ms: int) -> Message:
    return Message("us", answer.text, at_ms, answer.key, answer.route, job_id=answer.key.rpartition("/")[0])
