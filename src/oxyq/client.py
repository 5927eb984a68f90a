"""The four functions for whoever only adds jobs: settings from the environment, one connection per event loop."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from weakref import WeakKeyDictionary

from oxyq.app import App, open_app
from oxyq.jobs import Automation, CampaignRequest, InboundMessage, NewDeadLetter
from oxyq.settings import load_settings


class _Client:
    """The app of one event loop, opened by whoever needs it first."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._app: App | None = None
        self._opening = asyncio.Lock()

    async def app(self) -> App:
        async with self._opening:
            if self._app is None:
                self._app = await self._stack.enter_async_context(open_app(load_settings()))
            return self._app

    async def close(self) -> None:
        async with self._opening:
            self._app = None
            await self._stack.aclose()


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Client] = WeakKeyDictionary()


async def add_message_job(value: Mapping[str, object] | InboundMessage | None = None, **fields: object) -> str:
    """Answer somebody who wrote; see `Producer.add_message_job`."""
    return await (await _app()).producer.add_message_job(value, **fields)


async def add_automation_job(
    value: Mapping[str, object] | Automation | None = None, *, delay_ms: int | None = None, **fields: object
) -> str:
    """Send a reminder or follow-up; see `Producer.add_automation_job`."""
    return await (await _app()).producer.add_automation_job(value, delay_ms=delay_ms, **fields)


async def add_campaign_job(value: Mapping[str, object] | CampaignRequest | None = None, **fields: object) -> str:
    """Send one template to many; see `Producer.add_campaign_job`."""
    return await (await _app()).producer.add_campaign_job(value, **fields)


async def send_to_dlq(value: Mapping[str, object] | NewDeadLetter | None = None, **fields: object) -> str:
    """Put a dead letter for a job by hand; see `Producer.send_to_dlq`."""
    return await (await _app()).producer.send_to_dlq(value, **fields)


async def close() -> None:
    """Close this event loop's connection (and the embedded server, if it was started for it)."""
    if (client := _clients.pop(asyncio.get_running_loop(), None)) is not None:
        await client.close()


async def _app() -> App:
    return await _clients.setdefault(asyncio.get_running_loop(), _Client()).app()
