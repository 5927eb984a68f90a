"""What one turn of a chat answers, and when: a command by itself, all else as the burst it came in."""

from collections.abc import Sequence

from oxyq.answering import ConversationSettings
from oxyq.conversations.entry import Entry, Turn
from oxyq.replies import opt_out


def wish(text: str, *, is_owner: bool) -> opt_out.Wish | None:
    """What a whole message wishes about campaigns; the "cancelar" of an owner is an order, or a mistake in one."""
    read = opt_out.read_wish(text)
    return None if is_owner and read == "perhaps_out" else read


def batch(entries: Sequence[Entry], *, is_owner: bool) -> tuple[Entry, ...]:
    """The messages that are answered together, the oldest that waits first."""
    commands = [number for number, entry in enumerate(entries) if is_owner or wish(entry.text, is_owner=False)]
    end = commands[0] if commands else len(entries)
    if end == 0:
        return (entries[0],)
    return tuple(entries[:end])


def answered(turn: Turn) -> tuple[Entry, ...]:
    """The messages that the answer which is kept already is for."""
    digests = turn.answer.digests if turn.answer else []
    return tuple(entry for entry in turn.entries if entry.digest in digests)


def due_ms(entries: Sequence[Entry], first_ms: int, settings: ConversationSettings) -> int:
    """When a burst is answered (ms since 1970): after a quiet while, but the first message never waits too long."""
    quiet = entries[-1].added_at + round(settings.quiet_seconds * 1000)
    return min(quiet, first_ms + round(settings.longest_wait_seconds * 1000))


def is_stale(entries: Sequence[Entry], settings: ConversationSettings, now_ms: int) -> bool:
    """Whether an answer would come so late that a person should see to it."""
    return now_ms - entries[-1].at > settings.stale_minutes * 60_000
