"""The four functions for whoever only adds jobs: settings from the environment, one connection per event loop."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from oxyq.app import open_app
from oxyq.jobs import Automation, CampaignRequest, InboundMessage, NewDeadLetter
from oxyq.producer import Producer
from oxyq.settings import Settings, load_settings

if TYPE_CHECKING:  # only where there are several
    from oxyq.shards.producing import RoutedProducer


class _Client:
    """The producer of one event loop, opened by whoever needs it first."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._producer: Producer | RoutedProducer | None = None
        self._opening = asyncio.Lock()

    async def producer(self) -> "Producer | RoutedProducer":
        async with self._opening:
            if self._producer is None:
                self._producer = await self._open(load_settings())
            return self._producer

    async def close(self) -> None:
        async with self._opening:
            self._producer = None
            await self._stack.aclose()

    async def _open(self, settings: Settings) -> "Producer | RoutedProducer":
        if settings.redis_shards is None:
            return (await self._stack.enter_async_context(open_app(settings))).producer
        from oxyq.shards.producing import RoutedProducer
        from oxyq.shards.shards import open_shards

        return RoutedProducer(await self._stack.enter_async_context(open_shards(settings)))


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Client] = WeakKeyDictionary()


async def add_message_job(value: Mapping[str, object] | InboundMessage | None = None, **fields: object) -> str:
    """Answer somebody who wrote; see `Producer.add_message_job`."""
    return await (await _producer()).add_message_job(value, **fields)


async def add_automation_job(
    value: Mapping[str, object] | Automation | None = None, *, delay_ms: int | None = None, **fields: object
) -> str:
    """Send a reminder or follow-up; see `Producer.add_automation_job`."""
    return await (await _producer()).add_automation_job(value, delay_ms=delay_ms, **fields)


async def add_campaign_job(value: Mapping[str, object] | CampaignRequest | None = None, **fields: object) -> str:
    """Send one template to many; see `Producer.add_campaign_job`."""
    return await (await _producer()).add_campaign_job(value, **fields)


async def send_to_dlq(value: Mapping[str, object] | NewDeadLetter | None = None, **fields: object) -> str:
    """Put a dead letter for a job by hand; see `Producer.send_to_dlq`."""
    return await (await _producer()).send_to_dlq(value, **fields)


async def close() -> None:
    """Close this event loop's connection (and the embedded server, if it was started for it)."""
    if (client := _clients.pop(asyncio.get_running_loop(), None)) is not None:
        await client.close()


async def _producer() -> "Producer | RoutedProducer":
    return await _clients.setdefault(asyncio.get_running_loop(), _Client()).producer()
