"""One blocking command that waits for work in all queues of the process at once.

BullMQ leaves a marker (a sorted-set member) when a queue has work or a delayed job is due; idle workers pop it. A
worker arms its queue when it finds nothing to do; the marker disarms it again.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from oxyq.engine.connection import Connection, Reply
from oxyq.engine.scripts import as_text
from oxyq.errors import QueueUnavailable

#: Seconds one blocking call waits; it bounds how long a half-open socket stays unnoticed. A marker that got lost is
#: made good by the look for stalled jobs (recovery.py).
BLOCK_SECONDS = 20
#: What is added for the answer to arrive before the socket is declared dead.
ANSWER_SECONDS = 5.0
#: For so long whoever was told of work may look, before the others are waited for without it. Mostly it finds little
#: and is armed again within a round trip; to be taken in later costs three commands.
LOOK_SECONDS = 0.01
#: How long our interrupting key lives if we die right after writing it.
INTERRUPT_TTL_MS = 60_000


class Watch:
    """One queue's marker; `on_work(due_ms)` is called when the marker appears (0: now, else when a job is due)."""

    __slots__ = ("_markers", "armed", "key", "on_work")

    def __init__(self, markers: "Markers", key: str, on_work: Callable[[int], None]) -> None:
        self._markers = markers
        self.key = key
        self.on_work = on_work
        self.armed = False

    def arm(self) -> None:
        """Say that this queue has nothing to do: tell it once when it has."""
        if not self.armed:
            self.armed = True
            self._markers.armed_one()

    def disarm(self) -> None:
        """Stop listening; a marker popped after this is put back for others."""
        self.armed = False

    def put_back(self, due_ms: int) -> None:
        """Leave the mark of a job due at `due_ms` for other workers."""
        self._markers.put_back(self.key, due_ms)

    def close(self) -> None:
        """Forget this queue."""
        self.armed = False
        self._markers.forget(self)


class Markers:
    """Waits for the markers of every armed queue over one blocking connection; `commands` carries the rest."""

    def __init__(
        self,
        waiting: Connection,
        commands: Connection,
        prefix: str = "bull",
        block_seconds: float = BLOCK_SECONDS,
    ) -> None:
        self._waiting = waiting
        self._commands = commands
        self._block = block_seconds
        self._watches: dict[str, Watch] = {}
        self._wanted = asyncio.Event()
        self._blocked = False
        self._interrupt = f"{prefix}:oxyq-interrupt:{secrets.token_hex(8)}"
        self._task: asyncio.Task[None] | None = None
        #: Counts the waits, whatever came of them.
        self.rounds = 0

    def watch(self, key: str, on_work: Callable[[int], None]) -> Watch:
        """Listen for the marker `key`, once armed."""
        if key in self._watches:
            raise ValueError(f"{key} has a worker in this process already; raise its concurrency instead")
        self._watches[key] = watch = Watch(self, key, on_work)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._wait_for_ever(), name="markers")
        return watch

    def armed_one(self) -> None:
        """Take a newly armed queue into the wait, interrupting the one that is under way."""
        self._wanted.set()
        if self._blocked and self._commands.is_ready:
            self._blocked = False  # interrupted once is enough: all that are armed by then are taken in
            for command in (("ZADD", self._interrupt, 0, "0"), ("PEXPIRE", self._interrupt, INTERRUPT_TTL_MS)):
                self._commands.call(*command).add_done_callback(_ignore)

    def put_back(self, key: str, score: int) -> None:
        """Write a marker that was popped by one who cannot use it: 0 for "now", or when a delayed job is due."""
        if self._commands.is_ready:
            self._commands.call("ZADD", key, score, "1" if score else "0").add_done_callback(_ignore)

    @property
    def owes(self) -> bool:
        """Whether some queue is to be listened for, and nothing to wait for but Redis's answer."""
        return not self._waiting.owes and any(watch.armed for watch in self._watches.values())

    def forget(self, watch: Watch) -> None:
        """Drop a watch."""
        self._watches.pop(watch.key, None)

    async def close(self) -> None:
        """Stop waiting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    async def _wait_for_ever(self) -> None:
        while True:
            await self._wanted.wait()
            await self._waiting.ready()
            armed = [watch.key for watch in self._watches.values() if watch.armed]
            if not armed:
                self._wanted.clear()
                continue
            self._blocked = True
            try:
                reply = await self._waiting.call("BZPOPMIN", *armed, self._interrupt, self._block)
            except QueueUnavailable:
                # The connection heals itself; what happened meanwhile nobody told us, so look everywhere.
                await asyncio.sleep(0.1)
                self._tell_all()
                continue
            finally:
                self._blocked = False
                self.rounds += 1
            told = self._tell(reply) if isinstance(reply, list) else None
            if told is not None and len(armed) > 1:
                await self._let_look(told)

    async def _let_look(self, told: Watch) -> None:
        if not told.armed:
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()
            self._wanted.set()

    def _tell_all(self) -> None:
        for watch in [watch for watch in self._watches.values() if watch.armed]:
            self._work(watch, 0)

    def _tell(self, reply: "list[Reply]") -> Watch | None:
        """Tell the queue whose marker came, and return it; None if there is none that listens."""
        key, score = as_text(reply[0]), int(float(as_text(reply[2])))
        watch_or_none = self._watches.get(key)
        if watch_or_none is not None and watch_or_none.armed:
            self._work(watch_or_none, score)
            return watch_or_none
        if key != self._interrupt:
            self.put_back(key, score)
        return None

    @staticmethod
    def _work(watch: Watch, due_ms: int) -> None:
        watch.armed = False
        watch.on_work(due_ms)


def _ignore(reply: "asyncio.Future[Reply]") -> None:
    if not reply.cancelled():
        reply.exception()
