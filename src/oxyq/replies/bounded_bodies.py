"""Answers of language models are short: of one that never ends only the beginning is read.

Imports httpx2, which both SDKs call with: see llm.py.
"""

from collections.abc import AsyncIterator
from typing import Final

import httpx2

#: Some fifty times what the most tokens an answer may have (4,096) make, with all that is said about them.
LONGEST_BODY: Final = 1024 * 1024


class _Bounded(httpx2.AsyncByteStream):
    """The beginning of a body; one that is cut off is no JSON, and so no answer."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LONGEST_BODY
        async for piece in self._body:
            left -= len(piece)
            if left < 0:
                return
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()


async def bound_body(response: httpx2.Response) -> None:
    """A hook of an `httpx2.AsyncClient` (`event_hooks={"response": [...]}`), for every answer that it gets."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - an async client has no other
    response.stream = _Bounded(response.stream)
