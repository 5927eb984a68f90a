"""The loop of every chore that runs by itself, written once."""

import asyncio
from collections.abc import Awaitable, Callable

from oxyq.telemetry.events import ChoreDone, ChoreFailed, Telemetry


class Periodic:
    """Runs a chore every `interval_seconds`; one that fails is told and tried again next time.

    `run_once` returns what it did in a few words, or nothing when there was nothing to do.
    """

    def __init__(
        self, name: str, run_once: Callable[[], Awaitable[str | None]], interval_seconds: float, telemetry: Telemetry
    ) -> None:
        self._name = name
        self._run_once = run_once
        self._interval = interval_seconds
        self._telemetry = telemetry
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first run is at once."""
        self._task = asyncio.get_running_loop().create_task(self._loop(), name=self._name)

    async def stop(self) -> None:
        """End the loop; a run under way is cut off, chores must bear that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _loop(self) -> None:
        while True:
            try:
                if done := await self._run_once():
                    self._telemetry.emit(ChoreDone(self._name, done))
            except asyncio.CancelledError:
                if self._task is None or self._task.cancelling():
                    raise
                # Nobody of us sent it: it leaked from what the chore waited for, and must not end the chore for good.
                self._telemetry.emit(ChoreFailed(self._name, "cancelled from inside"))
            except Exception as error:
                self._telemetry.emit(ChoreFailed(self._name, str(error)))
            await asyncio.sleep(self._interval)
