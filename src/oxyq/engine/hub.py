"""What the workers and queues of one process share: a connection for commands, one that waits, and the lock keeper."""

from oxyq.engine.address import Address
from oxyq.engine.connection import COMMAND_TIMEOUT_SECONDS, Connection
from oxyq.engine.duty import Duty
from oxyq.engine.locks import LockKeeper
from oxyq.engine.markers import ANSWER_SECONDS, BLOCK_SECONDS, Markers
from oxyq.engine.tracing import Tracing

DEFAULT_URL = "redis://localhost:6379"


class Hub:
    """Two connections to one Redis, however many queues: all commands go over one, all waiting over the other.

    Nothing is opened before it is needed; a process that only adds jobs has one connection. With `tracing` jobs are
    followed from who adds them to their end.
    """

    def __init__(
        self,
        redis: str | Address = DEFAULT_URL,
        *,
        prefix: str = "bull",
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
        block_seconds: float = BLOCK_SECONDS,
        tracing: Tracing | None = None,
    ) -> None:
        address = redis if isinstance(redis, Address) else Address.from_url(redis)
        self.address = address.for_prefix(prefix)
        self.prefix = prefix
        self.tracing = tracing
        self.commands = Connection(self.address, command_timeout_seconds=command_timeout_seconds)
        self.waiting = Connection(self.address, command_timeout_seconds=block_seconds + ANSWER_SECONDS)
        self.markers = Markers(self.waiting, self.commands, prefix, block_seconds)
        self.locks = LockKeeper(self.address)

    def duties(self) -> list[Duty]:
        """What must go on for anything to go on."""
        return [
            Duty("connecting to Redis", self.commands.owes, self.commands.tries),
            Duty("connecting to Redis to wait for work", self.waiting.owes, self.waiting.tries),
            Duty("waiting for work", self.markers.owes, self.markers.rounds),
        ]

    async def close(self) -> None:
        """Close both connections."""
        await self.markers.close()
        await self.waiting.close()
        await self.commands.close()
