"""Redis's protocol: commands as bytes, what answers may be, and how they go wrong."""

from typing import Final, TypeAlias

import hiredis

from oxyq.errors import QueueUnavailable

Reply: TypeAlias = "int | float | bytes | list[Reply] | None"
Argument: TypeAlias = str | bytes | int | float

#: Answers by which a server says that it is not, or no longer, the one that takes our commands; nothing was done.
#: A new connection looks again where that one is.
NOT_HERE: Final = frozenset(("CLUSTERDOWN", "MASTERDOWN", "MOVED", "READONLY"))


class ConnectionLost(QueueUnavailable):
    """The connection broke; the command may have run (`sent`), so only repeat what is safe to repeat."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class RedisReplyError(QueueUnavailable):
    """Redis answered with an error; `code` is its first word (NOSCRIPT, OOM, READONLY, WRONGTYPE, ...)."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Redis refused the command: {text}")
        self.code = text.split(" ", 1)[0]
        self.text = text


class Prepared:
    """The beginning of a command that is sent again and again, packed once."""

    __slots__ = ("count", "packed")

    def __init__(self, *beginning: Argument) -> None:
        self.count = len(beginning)
        self.packed = _without_count(packed(beginning))

    def with_rest(self, arguments: list[Argument]) -> bytes:
        """The whole command."""
        rest = _without_count(packed(tuple(arguments)))
        return b"*%d\r\n%b%b" % (self.count + len(arguments), self.packed, rest)


def packed(command: tuple[Argument, ...]) -> bytes:
    """One command as it is sent."""
    try:
        sent: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub forgets the "..."
    except UnicodeEncodeError:  # an id or text that is not valid Unicode, from somebody else's job
        return packed(tuple(_any_bytes(part) if isinstance(part, str) else part for part in command))
    return sent


def _without_count(command: bytes) -> bytes:
    return command[command.index(b"\n") + 1 :]


def _any_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
