"""Posting webhooks one after the other, as the real servers do: again while they fail, then never more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx

from oxyq.engine.json_text import encode_json
from oxyq.outcomes import JsonValue

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.2
_DEADLINE_SECONDS: Final = 10.0


class Poster:
    """Posts JSON to `url`, each with the headers that `sign` makes of its bytes; without a `url` nothing."""

    def __init__(self, url: str | None, sign: Callable[[bytes], Mapping[str, str]]) -> None:
        self._url = url
        self._sign = sign
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()

    def post(self, body: JsonValue) -> None:
        """Post it soon, after all others before it."""
        if self._url is not None:
            self._waiting.put_nowait(encode_json(body).encode())

    async def idle(self) -> None:
        """Wait until everything was posted, or given up."""
        await self._waiting.join()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post while the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        async with httpx.AsyncClient(timeout=_DEADLINE_SECONDS, trust_env=False) as client:
            while True:
                raw = await self._waiting.get()
                try:
                    await self._post(client, raw)
                finally:
                    self._waiting.task_done()

    async def _post(self, client: httpx.AsyncClient, raw: bytes) -> None:
        headers = {"content-type": "application/json", **self._sign(raw)}
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(httpx.HTTPError):
                response = await client.post(self._url or "", content=raw, headers=headers)
                if response.status_code < 500 and response.status_code != 429:
                    return
            await asyncio.sleep(_PAUSE_SECONDS * (attempt + 1))
