"""A producer that does not stop when Redis fails, and keeps count of what it was told is stored."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from oxyq.access.tokens import issue
from oxyq.app import App
from oxyq.errors import QueueUnavailable
from oxyq.settings import load_settings
from tests.integration.api.server_process import SECRET
from tests.journeys.conftest import ORGANIZATION

#: The API promises 2 s; here it shares the machine with those that load it.
HUNG_SECONDS = 6.0


def person(number: int) -> str:
    """A number of its own for each message; its ending is none by which the simulator plays tricks."""
    return f"55119{number:06d}00"


def reminder(number: int) -> dict[str, object]:
    """The body of the reminder for this person."""
    return {
        "automationId": f"load-{number}", "organizationId": ORGANIZATION, "type": "reminder", "content": "oi",
        "recipientNumber": person(number), "transactional": True,
    }  # fmt: skip


class _Load(ABC):
    """Adds reminders while the block runs, each for somebody else, about `per_second` of them.

    `acknowledged` are the people whose reminder was accepted. One that was not may be stored or not; it is not tried
    again, so that what was never accepted is seen too. The people are counted from `first`.
    """

    def __init__(self, per_second: int, first: int) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self._first = first
        self._pause = 10 / per_second
        self._enough = False
        self._task: asyncio.Task[None] | None = None
        self._told = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._add_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough = True
        assert self._task is not None
        await self._task  # not cancelled: of every reminder it is known how it went

    @abstractmethod
    async def _accepts(self, number: int) -> bool:
        """Add the reminder of this number; False when it was refused, or nobody knows."""

    async def until_accepted(self, more: int = 1, seconds: float = 20.0) -> None:
        """Wait until so many more were accepted."""
        wanted = len(self.acknowledged) + more
        await self._until(lambda: len(self.acknowledged) >= wanted, seconds)

    async def until_refused(self, more: int = 1, seconds: float = 20.0) -> None:
        """Wait until so many more were refused."""
        wanted = len(self.refused) + more
        await self._until(lambda: len(self.refused) >= wanted, seconds)

    async def _until(self, reached: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not reached():
                self._told.clear()
                await self._told.wait()

    async def _add_for_ever(self) -> None:
        first = self._first
        while not self._enough:
            await asyncio.gather(*(self._add(number) for number in range(first, first + 10)))
            first += 10
            await asyncio.sleep(self._pause)

    async def _add(self, number: int) -> None:
        accepted = await self._accepts(number)
        (self.acknowledged if accepted else self.refused).append(person(number))
        self._told.set()


class Load(_Load):
    """By `app`'s own producer."""

    def __init__(self, app: App, *, per_second: int = 200, first: int = 0) -> None:
        super().__init__(per_second, first)
        self._producer = app.producer

    async def _accepts(self, number: int) -> bool:
        try:
            await self._producer.add_automation_job(reminder(number))
        except QueueUnavailable:
            return False
        return True


class HttpLoad(_Load):
    """By `POST /v1/automations`. Every answer must be 202, or 503 with the time to come again, and be there in time."""

    def __init__(self, url: str, *, per_second: int = 100, first: int = 0) -> None:
        super().__init__(per_second, first)
        self.slowest_seconds = 0.0
        self.problems: list[str] = []
        """Answers that are neither or late, and requests without an answer."""
        token = issue(load_settings({"OXYQ_JWT_SECRET": SECRET}), "tests", "service", None)
        self._client = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        await self._client.aclose()

    async def _accepts(self, number: int) -> bool:
        started = time.monotonic()
        try:
            answer = await self._client.post("/v1/automations", json=reminder(number))
        except httpx.HTTPError as error:
            self.problems.append(f"{type(error).__name__}: {error}")
            return False
        seconds = time.monotonic() - started
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if seconds > HUNG_SECONDS:
            self.problems.append(f"{answer.status_code} after {seconds:.1f} s")
        is_refusal = answer.status_code == 503 and int(answer.headers.get("retry-after", 0)) > 0
        if answer.status_code != 202 and not is_refusal:
            self.problems.append(f"{answer.status_code} {answer.text[:200]}")
        return answer.status_code == 202
