"""Keeping the locks of running jobs alive: one call per queue and round, whatever the number of jobs.

The event loop renews. When a handler blocks it (`time.sleep`, a long computation), a guard thread with its own
connection takes over, so that a blocked loop does not make a second worker run the same job.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from oxyq.engine.address import Address
from oxyq.engine.blocking import BlockingConnection
from oxyq.engine.locating import locate
from oxyq.engine.resp import RedisReplyError
from oxyq.engine.scripts import QueueScripts, extend_arguments, package_script
from oxyq.errors import ConfigurationError, QueueUnavailable

#: A lock is renewed this often within its time, so two renewals may fail before it is lost.
RENEWALS_PER_LOCK = 3
#: Seconds after which the guard gives up on a blocked loop: such a process is taken for hung, its jobs go to others.
GUARDED_SECONDS = 60.0
#: How long the guard waits for one answer. It tries once: the next round comes soon.
GUARD_ANSWER_SECONDS = 2.0


class HeldLocks:
    """The jobs one worker holds in one queue: job id -> lock token."""

    def __init__(self, scripts: QueueScripts, lock_ms: int, on_lost: Callable[[str], None]) -> None:
        self.scripts = scripts
        self.lock_ms = lock_ms
        self.tokens: dict[str, str] = {}
        self._on_lost = on_lost

    async def renew(self) -> None:
        """Renew them all; tells `on_lost` which are not ours any more."""
        sent = list(self.tokens.items())
        for job_id in await self.scripts.extend_locks(sent, self.lock_ms):
            # Only if it is still held with the token we sent: it may have been settled meanwhile.
            if self.tokens.get(job_id) == dict(sent).get(job_id):
                self._on_lost(job_id)


class LockKeeper:
    """Renews the locks of all workers of a process, from the loop or, when that is blocked, from a thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._groups: list[HeldLocks] = []
        self._rounds: dict[HeldLocks, asyncio.Task[None]] = {}
        self._beat = time.monotonic()
        self._guard: threading.Thread | None = None
        self._stop = threading.Event()

    def join(self, group: HeldLocks) -> None:
        """Start renewing a worker's locks."""
        self._groups.append(group)
        self._rounds[group] = asyncio.get_running_loop().create_task(self._renew_for_ever(group), name="locks")
        if self._guard is None:
            self._beat = time.monotonic()
            self._stop = threading.Event()
            self._guard = threading.Thread(
                target=self._watch_loop, args=(self._stop,), name="oxyq-lock-guard", daemon=True
            )
            self._guard.start()

    async def leave(self, group: HeldLocks) -> None:
        """Stop renewing a worker's locks."""
        if group in self._groups:
            self._groups.remove(group)
        if (task := self._rounds.pop(group, None)) is not None:
            task.cancel()
            await asyncio.wait([task], timeout=1)
        if not self._groups:
            self._stop.set()
            self._guard = None

    async def _renew_for_ever(self, group: HeldLocks) -> None:
        pause = group.lock_ms / 1000 / RENEWALS_PER_LOCK
        beats = max(int(pause / 0.5), 1)
        while True:
            for _ in range(beats):
                self._beat = time.monotonic()
                await asyncio.sleep(pause / beats)
            if group.tokens:
                with contextlib.suppress(QueueUnavailable):  # the next round tries again; locks last for three
                    await group.renew()

    def _watch_loop(self, stop: threading.Event) -> None:
        """The guard thread: look at the loop's heartbeat, and renew in its place while it is silent."""
        connection: BlockingConnection | None = None
        while not stop.wait(self._patience() / 2):
            silent = time.monotonic() - self._beat
            if silent < self._patience():
                continue
            for group in list(self._groups):
                if group.tokens and silent < GUARDED_SECONDS:
                    connection = self._renew_from_thread(connection, group)
        if connection is not None:
            connection.close()

    def _renew_from_thread(self, connection: BlockingConnection | None, group: HeldLocks) -> BlockingConnection | None:
        """Renew over this connection or a new one; returns the one to use next time, None after any trouble."""
        try:
            connection = connection or BlockingConnection(locate(self._address), GUARD_ANSWER_SECONDS)
            _extend(connection, group)
        except RuntimeError:  # the loop woke up and changed the tokens meanwhile: it will renew
            return connection
        except (OSError, QueueUnavailable, ConfigurationError):
            if connection is not None:
                connection.close()
            return None
        return connection

    def _patience(self) -> float:
        """Seconds of silence after which the loop counts as blocked: a third of the shortest lock."""
        shortest = min((group.lock_ms for group in list(self._groups)), default=30_000)
        return shortest / 1000 / RENEWALS_PER_LOCK


def _extend(connection: BlockingConnection, group: HeldLocks) -> None:
    keys, script = group.scripts.keys, package_script("extendLocks")
    arguments = extend_arguments(keys, list(group.tokens.items()), group.lock_ms)
    try:
        connection.call("EVAL", script.text, 1, keys.stalled, *arguments)
    except RedisReplyError as error:
        if script.plain is None or error.code != "ERR":
            raise
        connection.call("EVAL", script.plain.text, 1, keys.stalled, *arguments)  # a Redis before 7
