"""Live pages: server-sent events, fed by one poller for all tabs of this process, which stops when nobody looks."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from oxyq.access.sessions import Sessions
from oxyq.api.access import DoorKeeper, caller
from oxyq.api.errors import ApiError
from oxyq.dashboard.visit import visit
from oxyq.errors import InvalidPayload, NotFound, OxyqError
from oxyq.outcomes import JsonValue

EVERY_SECONDS: Final = 1.0
#: No line for longer than that, and proxies take the connection for dead.
STILL_HERE_SECONDS: Final = 15.0
#: How soon a tab whose session was ended hears no more.
SESSION_SECONDS: Final = 10.0
POLL_SECONDS: Final = 2.0
MOST_TABS: Final = 1_000
MOST_TOPICS: Final = 8
_TOPIC: Final = re.compile(r"([a-z-]{1,30})(?::([^,\s]{1,400}))?", re.ASCII)

Poll = Callable[[str | None, str], Awaitable[JsonValue]]
"""`poll(organization_id, argument)`: how something stands now, for who sees this organization only (None: all).

Raises NotFound for what is another organization's."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that pages show live.

    `sends` "value": pages get what the poll gave; "change": they only hear that it is another now, and ask for their
    page again, so that nothing of it needs to be masked here.
    """

    poll: Poll
    sends: Literal["value", "change"] = "change"
    every: int = 1
    """Ask every so many seconds."""


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    argument: str
    organization_id: str | None


@dataclass(eq=False, slots=True)
class _Tab:
    """One open page: what it has not been sent yet, the latest of each; a slow reader misses the values between."""

    keys: frozenset[_Key]
    session_id: str
    news: dict[str, tuple[str, JsonValue]] = field(default_factory=dict)
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, event: str, about: str, data: JsonValue) -> None:
        self.news[f"{event} {about}"] = (event, data)
        self.awake.set()


class Live:
    """Polls what open pages show and tells them."""

    def __init__(self, sessions: Sessions, topics: Mapping[str, Topic]) -> None:
        self._sessions = sessions
        self._topics = topics
        self._tabs: set[_Tab] = set()
        self._last: dict[_Key, JsonValue] = {}
        self._is_away = False
        self._poller: asyncio.Task[None] | None = None

    def routes(self, door: DoorKeeper) -> APIRouter:
        """GET events?topics=overview,queue:message."""
        router = APIRouter()
        router.add_api_route(
            "/events", self.events, methods=["GET"], dependencies=door.look(), response_class=StreamingResponse
        )
        return router

    async def events(self, request: Request) -> StreamingResponse:
        """A stream of what changes: `value`, `change`, `away`, `back`, `ended`."""
        if len(self._tabs) >= MOST_TABS:
            raise ApiError(503, "too_many_tabs", "too many pages are open; close some", headers={"Retry-After": "30"})
        keys = self._keys(request.query_params.get("topics", ""), caller(request).org)
        tab = _Tab(keys, visit(request).session.id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second: nginx shall not hold it back
        return StreamingResponse(self._stream(tab), media_type="text/event-stream", headers=headers)

    def _keys(self, asked: str, organization_id: str | None) -> frozenset[_Key]:
        keys = set[_Key]()
        for word in asked.split(","):
            found = _TOPIC.fullmatch(word)
            if found is None or found[1] not in self._topics or len(keys) >= MOST_TOPICS:
                raise InvalidPayload("topics", f"must be at most {MOST_TOPICS} of {', '.join(self._topics)}")
            keys.add(_Key(found[1], found[2] or "", organization_id))
        return frozenset(keys)

    async def _stream(self, tab: _Tab) -> AsyncIterator[bytes]:
        self._tabs.add(tab)
        for key in tab.keys & self._last.keys():
            self._tell(tab, key)
        if self._is_away:
            tab.tell("away", "", None)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.get_running_loop().create_task(self._poll(), name="board")
        try:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    async with asyncio.timeout(STILL_HERE_SECONDS):
                        await tab.awake.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                tab.awake.clear()
                news, tab.news = tab.news, {}
                for event, data in news.values():
                    yield f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
                    if event == "ended":
                        return
        finally:
            self._tabs.discard(tab)

    async def _poll(self) -> None:
        """One look a second at everything that any tab shows, as long as there is one."""
        looks, sessions_seen = 0, time.monotonic()
        while self._tabs:
            started = time.monotonic()
            keys = frozenset().union(*(tab.keys for tab in self._tabs))
            # What nobody looked at meanwhile is old news for the next one who does.
            self._last = {key: value for key, value in self._last.items() if key in keys}
            due = [key for key in keys if looks % self._topics[key.name].every == 0 or key not in self._last]
            outcomes = await asyncio.gather(*(self._look(key) for key in due))
            if outcomes:  # where nothing was due, nobody knows
                self._tell_whether_away(any(outcome is False for outcome in outcomes))
            if started - sessions_seen >= SESSION_SECONDS:
                sessions_seen = started
                await self._end_closed_sessions()
            looks += 1
            await asyncio.sleep(max(0.0, started + EVERY_SECONDS - time.monotonic()))
        self._last.clear()

    async def _look(self, key: _Key) -> bool:
        """Ask once, and tell the tabs if it is news; False when Redis is away."""
        topic = self._topics[key.name]
        try:
            async with asyncio.timeout(POLL_SECONDS):
                value = await topic.poll(key.organization_id, key.argument)
        except NotFound:
            return True
        except (TimeoutError, OxyqError):
            return False
        if key not in self._last or self._last[key] != value:
            self._last[key] = value
            for tab in self._tabs:
                if key in tab.keys:
                    self._tell(tab, key)
        return True

    def _tell(self, tab: _Tab, key: _Key) -> None:
        """How something stands. A tab that has just come hears of a change too: nobody knows what its page missed
        between being made and listening."""
        sends = self._topics[key.name].sends
        tab.tell(sends, key.name, {"topic": key.name, "value": self._last[key] if sends == "value" else None})

    def _tell_whether_away(self, is_away: bool) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            for tab in self._tabs:
                tab.news.pop("back " if is_away else "away ", None)
                tab.tell("away" if is_away else "back", "", None)

    async def _end_closed_sessions(self) -> None:
        by_session: dict[str, list[_Tab]] = {}
        for tab in self._tabs:
            by_session.setdefault(tab.session_id, []).append(tab)
        for session_id, tabs in by_session.items():
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    is_open = await self._sessions.is_open(session_id)
            except (TimeoutError, OxyqError):
                return
            if not is_open:
                for tab in tabs:
                    tab.tell("ended", "", None)
